import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BrowserPage, findBrowser } from "../../support/browser.ts";
import { until } from "../../support/deadline.ts";
import { skip } from "../../support/skip.ts";
import { buildExamplesWorld } from "./examples-world.ts";
import { FacadeStage, ROOT_PASSWORD, ROOT_USER } from "./facade-stage.ts";

const test = suite("api documentation page in a browser");
const WAIT_MS = 60_000;
const browser = await findBrowser();
let stage: FacadeStage;

test.before(async () => {
  stage = await FacadeStage.open();
  try {
    await buildExamplesWorld(stage);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
});

/** Fills in the form of an operation, sends it, and returns the text of the answer once it is whole and set out: the page takes the button to stop it away then. */
async function tryIt(page: BrowserPage, method: string, path: string, values: object = {}): Promise<string> {
  const form = `document.querySelector('form[data-method="${method}"][data-path="${path}"]')`;
  await page.evaluate(`for (const [name, value] of Object.entries(${JSON.stringify(values)})) {
    ${form}.querySelector('[name="' + name + '"]').value = value;
  }`);
  await page.evaluate(`${form}.querySelector("output").replaceChildren(); ${form}.requestSubmit()`);
  return await until(
    () =>
      page.evaluate<string>(
        `${form}.querySelector(".stop").hidden ? [...${form}.querySelectorAll("output > *")].map((one) => one.textContent).join("\\n") : ""`,
      ),
    WAIT_MS,
    {
      describe: `an answer to ${method} ${path}`,
      accept: (text) => /\n[\s\S]*[\]}"]$/.test(text),
    },
  );
}

test("O-58: a person reads the document, logs in, and sends operations from it; nothing comes from elsewhere", async () => {
  if ("cannot" in browser) return skip("the documentation page in a browser", browser.cannot);
  const base = `http://127.0.0.1:${stage.port}`;
  const page = await BrowserPage.open(browser.path, `${base}/docs#get-v-pipelines`);
  try {
    await until(() => page.evaluate<number>('document.querySelectorAll("form[data-path]").length'), WAIT_MS, {
      describe: "the page is there",
    });
    await until(() => page.evaluate<boolean>('document.readyState === "complete"'), WAIT_MS, {
      describe: "it is loaded",
    });
    assert.match(await tryIt(page, "GET", "/v1/pipelines", { q: "4k2m" }), /^200 [\s\S]*"id": "sst2-4k2m9xq1j"/);
    assert.match(await tryIt(page, "GET", "/v1/pipelines/{id}", { id: "a/b ü?#" }), /^404 /);
    assert.match(await tryIt(page, "POST", "/v1/pipelines"), /^401 /);

    await page.evaluate(`document.getElementById("username").value = ${JSON.stringify(ROOT_USER)};
      document.getElementById("password").value = ${JSON.stringify(ROOT_PASSWORD)};
      document.getElementById("login").requestSubmit()`);
    await until(() => page.evaluate<string>('document.querySelector("#login output").textContent'), WAIT_MS, {
      describe: "the login is answered",
      accept: (text) => text === "Logged in.",
    });
    assert.is(await page.evaluate('document.getElementById("password").value'), "");
    assert.match(await tryIt(page, "POST", "/v1/pipelines"), /^200 [\s\S]*"job": "sst2"/);

    assert.equal(
      page.requested.filter((url) => !url.startsWith(`${base}/`) && !url.startsWith("data:")),
      [],
    );
    // A browser tells of every answer that is an error; those two were asked for.
    const refused = page.complaints.filter((text) => !/status of 40[14]/.test(text));
    assert.equal(refused, []);
  } finally {
    await page.close();
  }
});

test.run();
