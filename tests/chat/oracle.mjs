// Compares our template engine with @huggingface/jinja: node oracle.mjs SOURCE_DIR DRIVER
//
// The corpus is the list of chat templates of well-known models that @huggingface/ollama-utils ships, each rendered with
// every conversation of conversations.json, and the constructs of constructs.json. Both engines must give the
// same text, or both an error. Where @huggingface/jinja differs from Python's Jinja2, which Transformers uses and
// which jinja2_golden.json holds us to, the case is listed in DIFFERENCES with the reason.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Template } from "@huggingface/jinja";

const [sourceDir, driverPath] = process.argv.slice(2);
const load = (name) => JSON.parse(readFileSync(`${sourceDir}/${name}`, "utf8"));

// The list is one array literal in the package's TypeScript source, behind its type annotation.
function modelTemplates() {
  const url = new URL("node_modules/@huggingface/ollama-utils/src/chat-template-automap.ts", import.meta.url);
  const text = readFileSync(url, "utf8");
  const literal = text.slice(text.indexOf("= [") + 2).trim().replace(/;$/, "");
  const list = new Function(`return ${literal}`)();
  return list.map((entry) => ({ name: entry.model, template: entry.gguf }));
}

const driver = spawn(driverPath, [], { stdio: ["pipe", "pipe", "inherit"] });
const answers = createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
async function ours(template, context) {
  driver.stdin.write(JSON.stringify({ template, context }) + "\n");
  const { value, done } = await answers.next();
  if (done) throw new Error("the driver ended; run it by hand with the last request");
  return JSON.parse(value);
}

function theirs(template, context) {
  try {
    return { text: new Template(template).render(structuredClone(context)) };
  } catch (problem) {
    return { error: String(problem.message) };
  }
}

// A construct may differ when our text is what Python's Jinja2 gave (jinja2_golden.json).
const python = new Map(load("jinja2_golden.json").cases.map((c) => [c.template, c]));
const DIFFERENCES = [
  {
    reason: "Python's output is the standard; @huggingface/jinja prints values as JavaScript or lacks the construct",
    matches: ({ name, template, mine }) =>
      name.startsWith("construct ") && python.has(template) &&
      (mine.text === undefined ? python.get(template).error !== undefined : mine.text === python.get(template).text),
  },
  {
    reason: "Python raises TypeError for str + list and str + dict; @huggingface/jinja writes the value as text",
    matches: ({ mine }) => /'\+' does not work between a str and a (list|dict)$/.test(mine.error ?? ""),
  },
  {
    reason: "Python raises UndefinedError for an attribute of a missing item; @huggingface/jinja gives undefined",
    matches: ({ mine }) => /index -?\d+ is out of range$/.test(mine.error ?? ""),
  },
  {
    reason: "Python can iterate and filter strings and lists in these ways; @huggingface/jinja refuses",
    matches: ({ theirs }) =>
      /for loop: got StringValue|Unknown (String|Array)Value filter: (selectattr|reject|trim)$|filter "trim" to type: NullValue/.test(
        theirs.error ?? ""),
  },
  {
    reason: "'' != false is true in Python; @huggingface/jinja compares with JavaScript's loose equality",
    matches: ({ name, template }) => name.endsWith("/ empty content") && /(!=|==) false/.test(template),
  },
  {
    reason: "a list printed without tojson is Python's repr; @huggingface/jinja prints JSON",
    matches: ({ name, mine }) => name.endsWith("/ content in parts") && mine.text?.includes("[{'type': 'text', 'text': 'first '}"),
  },
];

const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: 'Weather of a "city". 도시의 날씨',
      parameters: {
        type: "object",
        properties: {
          city: { type: "string", description: "name of the city" },
          days: { type: "integer", enum: [1, 2, 3] },
          unit: { type: ["string", "null"], enum: ["C", "F"] },
        },
        required: ["city"],
      },
    },
  },
  { type: "function", function: { name: "no_arguments", description: "-", parameters: { type: "object", properties: {} } } },
];

let compared = 0, errors = 0, listed = 0;
const failures = [];
async function compare(name, template, context) {
  const mine = await ours(template, context);
  const reference = theirs(template, context);
  compared += 1;
  if (mine.error !== undefined && reference.error !== undefined) {
    errors += 1; // the sentences differ
  } else if (mine.text !== reference.text) {
    if (DIFFERENCES.some((d) => d.matches({ name, template, mine, theirs: reference }))) listed += 1;
    else failures.push({ name, ours: mine.text ?? `error: ${mine.error}`, theirs: reference.text ?? `error: ${reference.error}` });
  }
}

const constructs = load("constructs.json");
for (const template of constructs.templates) await compare(`construct ${template}`, template, constructs.context);
const models = modelTemplates();
const conversations = load("conversations.json");
for (const model of models) {
  for (const conversation of conversations) {
    const context = {
      messages: conversation.messages,
      add_generation_prompt: !conversation.no_prompt,
      bos_token: "<s>",
      eos_token: "</s>",
      tools: conversation.tools ? tools : null,
      documents: null,
      ...conversation.kwargs,
    };
    await compare(`${model.name} / ${conversation.name}`, model.template, context);
  }
}
driver.stdin.end();

for (const f of failures.slice(0, 200)) console.log(`DIFFERENT ${f.name}\n  ours:   ${JSON.stringify(f.ours)}\n  theirs: ${JSON.stringify(f.theirs)}`);
console.log(`${models.length} models; ${compared} renderings compared, ${errors} refused by both, ${listed} listed differences, ${failures.length} failures`);
// A package that moved its list, or an oracle that refuses everything, must not pass.
if (models.length < 90 || errors > compared / 3) {
  console.log("the corpus is not what this test was written for");
  process.exit(1);
}
process.exit(failures.length === 0 ? 0 : 1);
