import fc from "fast-check";
import { parseHTML } from "linkedom/worker";
import { describe, expect, it } from "vitest";
import {
  type Child,
  embeddedPng,
  escapeHtml,
  html,
  page,
  showMarkup,
  swatch,
  table,
} from "../../src/report/html.js";

describe("escapeHtml", () => {
  it("escapes everything that could open a tag or close an attribute", () => {
    expect(escapeHtml(`<script>alert("1" & '2')</script>\``)).toBe(
      "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;&#96;",
    );
  });

  it("replaces control characters, lone surrogates and characters that turn the direction of writing", () => {
    expect(escapeHtml("a\u0000b\ud800c\u202egpj.exe")).toBe("a\ufffdb\ufffdc\ufffdgpj.exe");
    expect(escapeHtml("Ł 脳 🧠 é")).toBe("Ł 脳 🧠 é");
  });

  it("gives the text back when parsed, in content and in an attribute, and makes no element", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
        const { document } = parseHTML(
          `<!doctype html><html><body>${showMarkup(html`<p title="${text}">${text}</p>`)}</body></html>`,
        );
        const paragraph = document.querySelector("p")!;
        expect(paragraph.textContent).toBe(text);
        expect(paragraph.getAttribute("title")).toBe(text);
        expect(document.body.children.length).toBe(1);
        expect(paragraph.children.length).toBe(0);
      }),
    );
  });
});

describe("html", () => {
  it("escapes strings, keeps markup, joins lists and drops what is absent", () => {
    const inner = html`<b>${"<i>"}</b>`;
    expect(showMarkup(html`<p>${inner}${[1, "&"]}${undefined}${false}${0}</p>`)).toBe(
      "<p><b>&lt;i&gt;</b>1&amp;0</p>",
    );
  });

  it("takes no object from a file for markup", () => {
    const forged = JSON.parse('{"markup":"<script>","text":"<script>"}') as Child;
    expect(() => showMarkup(html`${forged}`)).toThrow();
  });

  it("lets no style through a colour", () => {
    expect(showMarkup(swatch("red;background:url(https://example.org)"))).not.toContain("url");
    expect(showMarkup(swatch("#e69f00"))).toContain("#e69f00");
  });
});

describe("embeddedPng", () => {
  it("holds the bytes, also where they are more than one chunk", () => {
    const bytes = Uint8Array.from({ length: 70_001 }, (_, at) => (at * 31) & 255);
    const text = showMarkup(embeddedPng(bytes, 1, 1, "x"));
    const base64 = /base64,([^"]*)"/.exec(text)![1]!;
    expect(Buffer.from(base64, "base64").equals(bytes)).toBe(true);
  });
});

describe("table", () => {
  it("spans the columns of a group with one heading", () => {
    const text = showMarkup(
      table(
        "c",
        [
          { heading: "Case" },
          { heading: "Dice", numeric: true, group: "A<" },
          { heading: "IoU", numeric: true, group: "A<" },
          { heading: "Dice", numeric: true, group: "B" },
        ],
        [["one", "1", "2", "3"]],
      ),
    );
    expect(text).toContain('<th scope="colgroup" colspan="2"><span><bdi>A&lt;</bdi></span></th>');
    expect(text.match(/scope="colgroup"/g)).toHaveLength(2);
  });
});

describe("page", () => {
  it("forbids scripts and the network in its own policy", () => {
    const text = page("</title><script>", html``, [], html``);
    const policy = parseHTML(text).document.querySelector("meta[http-equiv=Content-Security-Policy]")!;
    expect(policy.getAttribute("content")).toMatch(
      /^default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'/,
    );
    expect(text).toContain("<title>&lt;/title&gt;&lt;script&gt;</title>");
  });
});
