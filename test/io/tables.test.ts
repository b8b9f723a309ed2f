import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTable, parseTable } from "../../src/io/tables.js";

describe("tables", () => {
  it("reads BIDS tables: tabs, n/a, quotation marks that are letters", () => {
    const { columns, rows } = parseTable(
      'participant_id\tage\tnote\nsub-01\t71.5\tsaid "no"\nsub-02\tn/a\t\n',
      "p.tsv",
    );
    expect(columns).toEqual(["participant_id", "age", "note"]);
    expect(rows).toEqual([
      { participant_id: "sub-01", age: "71.5", note: 'said "no"' },
      { participant_id: "sub-02", age: undefined, note: undefined },
    ]);
  });

  it("reads csv with quotation, a byte-order mark and Windows line ends", () => {
    expect(parseTable('\ufeffa,b\r\n"x,y",2\r\n', "t.csv").rows).toEqual([{ a: "x,y", b: "2" }]);
  });

  it("writes what it reads", () => {
    const field = fc.option(
      fc
        .string()
        .filter(
          (text) =>
            text.trim() === text && text !== "" && !/^n\/a$/i.test(text) && !/[\t\r\n\ufeff]/.test(text),
        ),
      { nil: undefined },
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ a: field, b: field }), { minLength: 1 }),
        fc.constantFrom("t.csv", "t.tsv"),
        (rows, name) => {
          const full = rows.map((row, at) => ({ id: `row${at}`, ...row }));
          const columns = ["id", "a", "b"];
          expect(parseTable(formatTable({ columns, rows: full }, name), name).rows).toEqual(full);
        },
      ),
    );
  });

  it("names the file and the line that is wrong", () => {
    expect(() => parseTable("a\tb\n1\n", "p.tsv")).toThrow(
      /^p\.tsv: the table cannot be read\. Expected tabs.* line 2/,
    );
    expect(() => parseTable("", "p.tsv")).toThrow("p.tsv: the table is empty.");
    expect(() => parseTable("a,a\n1,2\n", "p.csv")).toThrow('p.csv: the column "a" occurs twice.');
  });
});
