// Looks at pages as people do: with either theme, on a phone, on paper, with the style blocked.
// Usage: CHROMIUM=.. SHOTS=DIR node check.mjs PAGE..; exits with 1 if anything failed.
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const shots = process.env.SHOTS;
let failed = 0;
const check = (name, holds, more = "") => {
  failed += holds ? 0 : 1;
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${holds || !more ? "" : `: ${more}`}`);
};

const start = () => puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
let browser = await start();

// A browser of its own for each look: one that has run out of memory takes no other with it.
async function fresh() {
  await browser.close().catch(() => {});
  browser = await start();
}

async function open(file, { theme = "light", width = 1100, bypass = false } = {}) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url() !== pathToFileURL(resolve(file)).href && complaints.push(`asks for ${request.url()}`));
  // axe is a script of this test; the page's own policy would refuse it.
  await page.setBypassCSP(bypass);
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(pathToFileURL(resolve(file)).href, { waitUntil: "load" });
  return { page, complaints };
}

for (const file of process.argv.slice(2)) {
  const name = file.replace(/\.html$/, "");
  await fresh();
  for (const theme of ["light", "dark"]) {
    for (const width of [1100, 360]) {
      const { page } = await open(file, { theme, width, bypass: true });
      await page.evaluate(axe);
      const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      const told = found.violations.map((rule) => `${rule.id} x${rule.nodes.length}: ${rule.nodes[0].html.slice(0, 160)}`);
      check(`${name}: axe finds nothing, ${theme}, ${width} px`, told.length === 0, told.join("; "));
      await page.close();
    }
  }
  for (const [label, options] of Object.entries({
    desktop: { width: 1024 }, dark: { width: 1024, theme: "dark" }, phone: { width: 360 }, narrow: { width: 320 },
  })) {
    await fresh();
    const { page, complaints } = await open(file, options);
    check(`${name}: its own policy is kept, nothing is loaded, ${label}`, complaints.length === 0, complaints.join("; "));
    const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    check(`${name}: no sideways scrolling, ${label}`, wide <= seen, `${wide} > ${seen}`);
    const styled = await page.evaluate(() => getComputedStyle(document.querySelector("h1")).letterSpacing !== "normal");
    check(`${name}: the style is let in by its digest, ${label}`, styled);
    await page.screenshot({ path: `${shots}/${name}-${label}.png`, fullPage: false });
    // A whole page would be larger than a picture may be.
    const tall = await page.evaluate(() => Math.min(7000, document.documentElement.scrollHeight));
    const clip = { x: 0, y: 0, width: options.width, height: tall };
    if (label !== "narrow") await page.screenshot({ path: `${shots}/${name}-${label}-long.png`, clip, captureBeyondViewport: true });
    await page.close();
  }
  await fresh();
  const { page } = await open(file);
  const pdf = await page.pdf({ format: "A4", printBackground: false, preferCSSPageSize: true });
  writeFileSync(`${shots}/${name}.pdf`, pdf);
  const pages = (Buffer.from(pdf).toString("latin1").match(/\/Type\s*\/Page[^s]/g) || []).length;
  const accounts = await page.evaluate(() => document.querySelectorAll("section.account").length);
  const most = accounts ? 8 + 6 * accounts : 2;
  check(`${name}: ${pages} printed pages, ${most} at most`, pages > 0 && pages <= most);
  // With the style blocked the order of the source is the order of importance, and every row still has its head.
  const bare = readFileSync(file, "utf8").replace(/<style>.*?<\/style>/s, "");
  writeFileSync(`${name}-bare.html`, bare);
  const { page: naked } = await open(`${name}-bare.html`);
  const told = await naked.evaluate(() => ({
    first: document.querySelector("h1").innerText,
    heads: [...document.querySelectorAll("h1, h2")].map((head) => head.innerText),
    uncaptioned: [...document.querySelectorAll("table")].filter((table) => !table.caption?.innerText).length,
    headless: [...document.querySelectorAll("tbody tr")].filter((row) => !row.querySelector("th[scope]")).length,
    invisible: [...document.querySelectorAll("svg text")].filter((text) => getComputedStyle(text).fill === "none").length,
  }));
  check(`${name}: without its style it has a title and ${told.heads.length} headings`, told.first.length > 0 && told.heads.length > 1);
  check(`${name}: without its style tables have captions, rows heads, marks colours`, told.uncaptioned + told.headless + told.invisible === 0, JSON.stringify(told));
  await naked.screenshot({ path: `${shots}/${name}-bare.png`, fullPage: false });
  await naked.close();
  await page.close();
}
await browser.close();
console.log(failed ? `${failed} failed` : "all passed");
process.exit(failed ? 1 : 0);
