// Random schemas; what the masks let through must satisfy ajv, a validator we did not write. Also hand-picked schemas, so that
// rare features are always among them.
import { spawnSync } from "node:child_process";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const driver = process.argv[2];
const seed = Number(process.env.JAJU_ORACLE_SEED ?? 1);
const count = Number(process.env.JAJU_ORACLE_SCHEMAS ?? 400);
const walks = 6;

let state = BigInt(seed);
const dice = (n) => {
  state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
  return Number((state >> 33n) % BigInt(n));
};
const pick = (list) => list[dice(list.length)];
const names = ["a", "b", "name", "x-y", "한글", "q\"uote", "", "long_property_name"];

function stringSchema() {
  const s = { type: "string" };
  const kind = dice(6);
  if (kind === 0) s.pattern = pick(["^[a-z]{1,5}$", "a|b", "^\\d+(\\.\\d{2})?$", "^[가-힣]{2,4}$", "^(foo|bar)-[A-Z]*$", "c$", "^[^\"\\\\]{3}"]);
  if (kind === 1) s.format = pick(["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "duration", "hostname", "uri"]);
  if (kind !== 1 && dice(3) === 0) s.maxLength = 3 + dice(kind === 0 ? 10 : 400);
  if (kind !== 1 && dice(3) === 0) s.minLength = dice(4);
  return s;
}
function numberSchema() {
  const s = { type: pick(["integer", "number"]) };
  const lo = (dice(4000) - 2000) / (s.type === "number" ? 8 : 1);
  if (dice(2)) s[pick(["minimum", "exclusiveMinimum"])] = lo;
  if (dice(2)) s[pick(["maximum", "exclusiveMaximum"])] = lo + 2 + dice(1000);
  if (dice(4) === 0) {
    // Past 2^53 JavaScript rounds, and ajv with it.
    if (!("maximum" in s || "exclusiveMaximum" in s)) s.maximum = 1e6;
    if (!("minimum" in s || "exclusiveMinimum" in s)) s.minimum = -1e6;
    s.multipleOf = s.type === "number" ? pick([0.25, 0.5, 2]) : 1 + dice(7);
  }
  return s;
}
function schema(depth) {
  const kind = depth <= 0 ? dice(5) : dice(10);
  switch (kind) {
    case 0: return stringSchema();
    case 1: return numberSchema();
    case 2: return { type: pick(["boolean", "null", ["string", "null"], ["integer", "boolean"]]) };
    case 3: return { enum: [pick(["red", "초록"]), dice(100), null, [1, { k: "v" }], "\n\u0001\"\\"].slice(dice(3)) };
    case 4: return pick([{ const: { a: [1, 2] } }, {}, true, { type: "object" }, { $ref: "#/$defs/tree" }]);
    case 5:
    case 6: {
      const s = { type: "object", properties: {} };
      for (let n = dice(5); n > 0; --n) s.properties[pick(names)] = schema(depth - 1);
      const keys = Object.keys(s.properties);
      if (dice(2)) s.required = keys.filter(() => dice(2));
      if (dice(3) === 0) s.additionalProperties = pick([false, true, schema(depth - 1)]);
      if (dice(6) === 0) s.patternProperties = { "^p": schema(depth - 1), "s$": schema(depth - 2) };
      if (dice(8) === 0) s.propertyNames = { maxLength: 6 };
      return s;
    }
    case 7: {
      const s = { type: "array" };
      if (dice(3) === 0) s.prefixItems = [schema(depth - 1), schema(depth - 1)];
      if (dice(4)) s.items = schema(depth - 1);
      if (dice(2)) s.minItems = dice(4);
      if (dice(2)) s.maxItems = 4 + dice(3);
      return s;
    }
    case 8: return { anyOf: [schema(depth - 1), schema(depth - 1), schema(depth - 2)] };
    default: {
      const both = { type: "object", properties: { a: schema(depth - 1) }, required: ["a"] };
      return { allOf: [both, { properties: { b: schema(depth - 1), a: pick([{}, true, { type: ["integer", "string", "object"] }]) } }], ...pick([{}, { anyOf: [{ required: ["b"] }, {}] }]) };
    }
  }
}
const defs = {
  tree: { type: "object", properties: { v: { type: "integer" }, kids: { type: "array", items: { $ref: "#/$defs/tree" }, maxItems: 2 } }, required: ["v"], additionalProperties: false },
};
const schemas = [];
for (let i = 0; i < count; ++i) {
  let s = schema(3);
  if (typeof s !== "object" || "$ref" in s) s = { anyOf: [s] };
  schemas.push({ ...s, $defs: defs });
}
for (const format of ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "duration", "hostname", "uri"]) schemas.push({ type: "string", format });

const run = spawnSync(driver, [String(seed), String(walks)], { input: schemas.map((s) => JSON.stringify(s)).join("\n") + "\n", maxBuffer: 1 << 30, encoding: "utf8" });
if (run.status !== 0) {
  console.error(`the driver ended with ${run.status} ${run.signal ?? ""}\n${run.stderr}`);
  process.exit(1);
}
const lines = run.stdout.trimEnd().split("\n").map((l) => JSON.parse(l));
if (lines.length !== schemas.length) {
  console.error(`${lines.length} answers to ${schemas.length} schemas`);
  process.exit(1);
}
const ajv = new Ajv2020({ strict: false, multipleOfPrecision: 9, allErrors: false });
addFormats(ajv);
let texts = 0, bad = 0, impossible = 0, refused = 0;
for (const [i, answer] of lines.entries()) {
  const s = schemas[i];
  if (answer.error !== undefined) {
    if (/no text at all/.test(answer.error)) {
      ++impossible;
    } else if (/are not supported|is not supported|too many states/.test(answer.error)) {
      ++refused;
    } else {
      ++bad;
      console.error(`unexpected: ${answer.error}\n  schema ${JSON.stringify(s)}`);
    }
    continue;
  }
  const validate = ajv.compile(s);
  for (const text of answer.texts) {
    ++texts;
    let value;
    try {
      value = JSON.parse(text);
    } catch (e) {
      ++bad;
      console.error(`not JSON: ${text}\n  schema ${JSON.stringify(s)}`);
      continue;
    }
    if (!validate(value)) {
      ++bad;
      console.error(`ajv refuses ${text}\n  schema ${JSON.stringify(s)}\n  because ${ajv.errorsText(validate.errors)}`);
    }
  }
}
console.log(`${schemas.length} schemas (seed ${seed}): ${texts} finished texts, ${bad} wrong; ${impossible} schemas have no text, ${refused} are refused`);
if (bad > 0 || texts < schemas.length * 2 || impossible + refused > schemas.length / 4) process.exit(1);
