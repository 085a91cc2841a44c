import { createHash } from 'node:crypto';
import type { Client } from '@modelcontextprotocol/client';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { digestOf, type Entry, isGiven, namedEntry, textIn } from './results/entries.ts';
import { HIDDEN } from './results/list-tools.ts';
import type { FoundPrompt } from './server.ts';
import { visibleText } from './server-requests/elicitation.ts';
import { entriesOf } from './transport/loose-results.ts';

const MAX_PROMPTS = 100;
const MAX_PAGES = 10;
const MAX_ARGUMENTS = 30;
const MAX_BYTES = 32_768;
/** The names that a variable of a stored prompt may have. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/**
 * Converts the prompts of a server to templates. Each prompt is requested once with `{{name}}` as
 * every argument, and the answer is the template. The text can therefore be read and pinned before
 * an agent sees it. Returns undefined when the server fails to list its prompts, so that its tools
 * are not lost.
 */
export async function listServerPrompts(
  client: Client,
  signal: AbortSignal,
): Promise<FoundPrompt[] | undefined> {
  if (!client.getServerCapabilities()?.prompts) return [];
  const listed = new Map<string, Entry<Prompt>>();
  let cursor: string | undefined;
  let count = 0;
  try {
    for (let page = 0; page < MAX_PAGES && listed.size < MAX_PROMPTS; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const answer = await client.request({ method: 'prompts/list', params }, { signal });
      for (const entry of entriesOf(answer, 'prompts')) {
        const read = readPrompt(entry, count);
        listed.set(read.ok ? read.value.name : read.name, read);
        count += 1;
      }
      cursor = answer.nextCursor;
      if (cursor === undefined) break;
    }
    const found: FoundPrompt[] = [];
    for (const one of [...listed.values()].slice(0, MAX_PROMPTS)) {
      found.push(one.ok ? await templateOf(client, one.value, signal) : faulty(one));
    }
    return found;
  } catch {
    if (signal.aborted) throw signal.reason;
    return undefined;
  }
}

type Argument = { name: string; description: string | undefined; required: boolean | undefined };
type Prompt = {
  name: string;
  title: string | undefined;
  description: string | undefined;
  arguments: Argument[] | undefined;
};

/** Reads the entry of one prompt. An odd entry has a fault, and no other entry suffers from it. */
function readPrompt(entry: Json, at: number): Entry<Prompt> {
  const named = namedEntry(entry, at);
  if (!named.ok) return named;
  const { name, entry: given } = named.value;
  if (!/^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(name)) {
    return { ok: false, name, fault: 'its name must have 1 to 128 printable ASCII characters' };
  }
  const args = given.arguments;
  const isList =
    Array.isArray(args) && args.every((one) => isJsonObject(one) && textIn(one, 'name'));
  if (isGiven(args) && !isList) {
    return { ok: false, name, fault: 'its arguments are no list of objects with names' };
  }
  return {
    ok: true,
    value: {
      name,
      title: textIn(given, 'title'),
      description: textIn(given, 'description'),
      arguments: isList ? args.filter(isJsonObject).map(readArgument) : undefined,
    },
  };
}

function readArgument(given: JsonObject): Argument {
  const { required } = given;
  return {
    name: String(given.name),
    description: textIn(given, 'description'),
    required: typeof required === 'boolean' ? required : undefined,
  };
}

function faulty({ name, fault }: { name: string; fault: string }): FoundPrompt {
  const digest = digestOf({ name, fault });
  return { name, description: '', template: '', variables: {}, digest, fault };
}

async function templateOf(
  client: Client,
  { name, title, description, arguments: args = [] }: Prompt,
  signal: AbortSignal,
): Promise<FoundPrompt> {
  const odd = args.find((one) => !VARIABLE.test(one.name));
  const read =
    args.length > MAX_ARGUMENTS
      ? { fault: `it has more than ${MAX_ARGUMENTS} arguments` }
      : odd
        ? {
            fault: `its argument ${JSON.stringify(firstCharacters(odd.name, 100))} is not a valid name of a variable`,
          }
        : await textOf(
            client,
            name,
            args.map((one) => one.name),
            signal,
          );
  const text = 'text' in read ? read.text : '';
  const said = canonicalJson({ name, title, description, arguments: args, text, read });
  const words = [text, title, description, ...args.map((one) => one.description)];
  const fault = 'fault' in read ? visibleText(read.fault, 500) : faultOf(words, said, args);
  const digest = createHash('sha256').update(said).digest('hex');
  if (fault !== null) {
    return {
      name,
      description: '',
      template: '',
      variables: {},
      digest,
      fault,
    };
  }
  const used = args.filter((one) => text.includes(placeholder(one.name)));
  const variables = Object.fromEntries(used.map((one) => [one.name, schemaOf(one)]));
  return {
    name,
    description: description ?? title ?? '',
    template: text,
    variables,
    digest,
    fault,
  };
}

const placeholder = (name: string) => `{{${name}}}`;

function schemaOf({ description, required }: Argument): JsonObject {
  return {
    type: 'string',
    ...(description === undefined ? {} : { description }),
    ...(required === true ? {} : { default: '' }),
  };
}

/**
 * Returns the text of a prompt with placeholders as arguments. An error of the server is a fault of
 * the prompt, not of the connection.
 */
async function textOf(
  client: Client,
  name: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ text: string } | { fault: string }> {
  const placeholders = Object.fromEntries(args.map((one) => [one, placeholder(one)]));
  const request = { method: 'prompts/get' as const, params: { name, arguments: placeholders } };
  try {
    const answer = await client.request(request, { signal });
    const texts = entriesOf(answer, 'messages').map(textOfMessage);
    if (texts.some(({ text }) => text === undefined)) {
      return { fault: 'it contains parts that are not text' };
    }
    const [only] = texts;
    if (texts.length === 1) return { text: only?.text ?? '' };
    return { text: texts.map(({ role, text }) => `${role}: ${text}`).join('\n\n') };
  } catch (error) {
    if (signal.aborted) throw error;
    const message = error instanceof Error ? error.message : String(error);
    return { fault: `its server rejects placeholder values for its arguments: ${message}` };
  }
}

function textOfMessage(message: Json): { role: string; text: string | undefined } {
  const { role, content } = isJsonObject(message) ? message : {};
  const text =
    isJsonObject(content) && content.type === 'text' ? textIn(content, 'text') : undefined;
  return { role: typeof role === 'string' ? role : 'user', text };
}

function faultOf(
  [text = '', ...words]: (string | undefined)[],
  said: string,
  args: readonly Argument[],
): string | null {
  if (!/\S/.test(text)) return 'it contains no text';
  const bytes = Buffer.byteLength(said);
  if (bytes > MAX_BYTES) {
    return `its description by the server has ${bytes} bytes, but at most ${MAX_BYTES} are stored`;
  }
  if ([text, ...words].some((one = '') => HIDDEN.test(one) || !one.isWellFormed())) {
    return 'it contains invisible characters';
  }
  const silent = args.find((one) => one.required && !text.includes(placeholder(one.name)));
  return silent ? `its text does not contain the value of the argument ${silent.name}` : null;
}
