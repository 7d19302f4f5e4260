import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createAuthority, createCertificate } from "../../../local/x509.ts";

const test = suite("local certificates");
const DAY_MS = 24 * 60 * 60 * 1000;

test("an authority signs itself and may sign others", () => {
  const authority = createAuthority("some-authority");
  const certificate = new X509Certificate(authority.certificate);
  assert.ok(certificate.ca);
  assert.is(certificate.subject, "CN=some-authority");
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(authority.key)));
  assert.ok(Date.parse(certificate.validTo) > Date.now() + 9 * 365 * DAY_MS);
});

test("a certificate carries its user, groups, names and addresses and is its authority's", () => {
  const authority = createAuthority("some-authority");
  const issued = createCertificate(authority, createPrivateKey(authority.key), {
    commonName: "system:node:odin-node",
    organizations: ["system:nodes", "zweite Gruppe ü"],
    usages: ["clientAuth", "serverAuth"],
    dnsNames: ["localhost", "kubernetes.default.svc"],
    addresses: ["127.0.0.1", "10.96.0.1", "198.18.255.254"],
  });
  const certificate = new X509Certificate(issued.certificate);
  const parent = new X509Certificate(authority.certificate);
  assert.not(certificate.ca);
  assert.equal(certificate.subject.split("\n"), ["O=system:nodes", "O=zweite Gruppe ü", "CN=system:node:odin-node"]);
  assert.ok(certificate.checkIssued(parent));
  assert.ok(certificate.verify(createPublicKey(authority.certificate)));
  assert.not(certificate.verify(createPublicKey(createAuthority("some-authority").certificate)));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(issued.key)));
  for (const name of ["localhost", "kubernetes.default.svc"]) assert.is(certificate.checkHost(name), name);
  assert.is(certificate.checkHost("example.org"), undefined);
  for (const address of ["127.0.0.1", "10.96.0.1", "198.18.255.254"]) assert.is(certificate.checkIP(address), address);
  assert.is(certificate.checkIP("127.0.0.2"), undefined);
  assert.equal(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
  assert.ok(Date.parse(certificate.validFrom) < Date.now());
  assert.ok(Date.parse(certificate.validTo) < Date.now() + 366 * DAY_MS);
});

test("serial numbers differ and are positive, many times over", () => {
  const serials = Array.from({ length: 50 }, () => new X509Certificate(createAuthority("a").certificate).serialNumber);
  assert.is(new Set(serials).size, serials.length);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
});

test.run();
