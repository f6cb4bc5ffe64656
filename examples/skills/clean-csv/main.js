// Reads a CSV text (RFC 4180), types its values and drops the rows that lack a required one.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const MISSING = new Set(["", "NA"]);
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

class BadInput extends Error {}

/** Splits a CSV text into records, each `{ line, fields }`. Lines end in LF, CRLF or CR. */
function parse(text) {
  const records = [];
  let fields = [];
  let line = 1;
  let start = 1;
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  const endsField = (c) => c === undefined || c === "," || c === "\n" || c === "\r";

  while (at < text.length) {
    let field = "";
    const quoted = text[at] === '"';
    if (quoted) {
      const opened = line;
      for (at += 1; ; at += 1) {
        if (at >= text.length) throw new BadInput(`line ${opened}: a quoted field is never closed`);
        if (text[at] === '"') {
          if (text[at + 1] !== '"') break;
          at += 1;
        } else if (text[at] === "\n" || (text[at] === "\r" && text[at + 1] !== "\n")) line += 1;
        field += text[at];
      }
      at += 1;
      if (!endsField(text[at])) throw new BadInput(`line ${line}: text follows a closing quote`);
    } else {
      const from = at;
      while (!endsField(text[at])) {
        if (text[at] === '"') throw new BadInput(`line ${line}: a quote inside a field that is not quoted`);
        at += 1;
      }
      field = text.slice(from, at);
    }
    fields.push(field);

    if (text[at] === ",") {
      at += 1;
      if (at < text.length) continue;
      fields.push(""); // the text ends in a comma: one more, empty field
    }
    if (text[at] === "\r" && text[at + 1] === "\n") at += 1;
    at += 1;
    line += 1;
    const blank = fields.length === 1 && fields[0] === "" && !quoted;
    if (!blank) records.push({ line: start, fields });
    fields = [];
    start = line;
  }
  return records;
}

/** Numbers in JSON's form become numbers; "007" and integers too long for a double stay text. */
function typed(text) {
  if (MISSING.has(text)) return null;
  if (!JSON_NUMBER.test(text)) return text;
  const number = Number(text);
  if (!Number.isFinite(number)) return text;
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number;
}

function clean({ csv, required }) {
  if (typeof csv !== "string") throw new BadInput('"csv" must be a text');
  const [header, ...records] = parse(csv);
  if (!header) throw new BadInput('"csv" is empty: it needs a header line');

  const columns = header.fields;
  const unnamed = columns.indexOf("");
  if (unnamed >= 0) throw new BadInput(`column ${unnamed + 1} of the header has no name`);
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw new BadInput(`column "${twice}" is in the header twice`);

  const needed = required ?? columns;
  if (!Array.isArray(needed)) throw new BadInput('"required" must be a list of column names');
  const unknown = needed.find((name) => !columns.includes(name));
  if (unknown !== undefined) {
    throw new BadInput(`required column ${JSON.stringify(unknown)} is not in the header (${columns.join(", ")})`);
  }

  const missing = new Map(columns.map((name) => [name, 0]));
  const rows = [];
  for (const { line, fields } of records) {
    if (fields.length !== columns.length) {
      throw new BadInput(`line ${line}: ${fields.length} fields, but the header has ${columns.length}`);
    }
    const values = new Map(columns.map((name, i) => [name, typed(fields[i])]));
    for (const [name, value] of values) if (value === null) missing.set(name, missing.get(name) + 1);
    // fromEntries defines own properties, so a column named "__proto__" is a column like any other.
    if (needed.every((name) => values.get(name) !== null)) rows.push(Object.fromEntries(values));
  }
  return { columns, rows, dropped: records.length - rows.length, missing: Object.fromEntries(missing) };
}

function readInput() {
  let input;
  try {
    input = JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE || "/sandbox/input.json", "utf8"));
  } catch (error) {
    throw new BadInput(`the input is not readable JSON: ${error.message}`);
  }
  if (input === null || typeof input !== "object" || Array.isArray(input)) {
    throw new BadInput("the input must be a JSON object");
  }
  return input;
}

try {
  const result = clean(readInput());
  const output = process.env.SANDBOX_OUTPUT || "/sandbox/out/output.json";
  fs.mkdirSync(path.dirname(output), { recursive: true });
  fs.writeFileSync(output, JSON.stringify(result));
  console.log(`kept ${result.rows.length} rows, dropped ${result.dropped}`);
} catch (error) {
  if (!(error instanceof BadInput)) throw error;
  console.error(`clean-csv: ${error.message}`);
  process.exitCode = 2;
}
