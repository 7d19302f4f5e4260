/**
 * What `node-fetch`, which the Kubernetes client library brings, gets for `whatwg-url` in the bundle: it needs the class only where Node has none of its
 * own, and the package would load Node's deprecated `punycode`, of which newer versions of Node warn on each start.
 */
export { URL } from "node:url";
