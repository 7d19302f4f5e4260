/** Labels of an operator, as `odin_build_info` has them. */
export const OPERATOR = '{namespace="ml",pod="operator-1",instance="a:9004",part="operator",version="1"}';

/** The same of a process that serves REST. */
export const API = '{namespace="ml",pod="api-1",instance="b:9003",part="api",version="1"}';

/** Series of an operator that is there and ready for hours. */
export const UP = {
  [`odin_build_info${OPERATOR}`]: "1x600",
  [`odin_ready${OPERATOR.replace(',version="1"', "")}`]: "1x600",
};

/** The same of the API. */
export const API_UP = { [`odin_build_info${API}`]: "1x600", [`odin_ready${API.replace(',version="1"', "")}`]: "1x600" };

/** What an alert about the installation in that namespace is told by. */
export const ML = { namespace: "ml" };

/** Series of a histogram, by the upper ends of its buckets. */
export const buckets = (name: string, labels: string, counts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(counts).map(([le, values]) => [`${name}_bucket{${labels},le="${le}"}`, values]));
