import type { Elicitation } from '../../../contracts/agents/call-host.ts';
import type { Json, JsonObject, JsonSchema } from '../../../json/json.ts';
import { isJsonObject } from '../../../json/json.ts';
import { truncate } from '../../../text/truncate.ts';

const MAX_MESSAGE = 4_000;
const MAX_FIELDS = 50;
const MAX_SCHEMA_BYTES = 32_768;

/**
 * The keywords allowed in a form. Patterns would run in this process, and references lead
 * elsewhere.
 */
const KEYWORDS = new Set([
  'type',
  'title',
  'description',
  'enum',
  'enumNames',
  'const',
  'oneOf',
  'anyOf',
  'items',
  'default',
  'format',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
]);

/** Names of fields that ask for secrets. */
const SECRET =
  /(^|[^a-z])(pass[-_ ]?(word|wd|phrase|code)|pwd|pin([-_ ]?code)?|secrets?|(api|access|private|secret|ssh|auth)[-_ ]?(keys?|tokens?)|tokens?|credentials?|cvv|cvc|otp|ssn|(credit|debit)?[-_ ]?card[-_ ]?(number|no)|seed[-_ ]phrase|mnemonic)([^a-z]|$)/i;
/** The words that ask for secrets in a sentence. Words with harmless meanings are omitted. */
const SECRET_IN_TEXT =
  /\b(passwords?|passphrases?|passcodes?|api[- ]?keys?|(access|auth) tokens?|(private|secret|ssh) keys?|credit card|card number|cvv|seed phrase|one[- ]time (code|password))\b/i;

/** Characters that are invisible or change the display of others. */
const HIDDEN = /[\p{Cf}\p{Co}]|(?![\t\n])\p{Cc}/gu;

export function visibleText(text: string, most = MAX_MESSAGE): string {
  return truncate(text.replaceAll(HIDDEN, '').toWellFormed(), most);
}

/**
 * Returns the schema of a form as it is shown and checked, or the reason why the form is rejected.
 */
export function formOf(requested: JsonObject): { schema: JsonSchema } | { fault: string } {
  const properties = isJsonObject(requested.properties) ? requested.properties : {};
  const names = Object.keys(properties);
  if (names.length > MAX_FIELDS) {
    return { fault: `a form has at most ${MAX_FIELDS} fields` };
  }
  const required = Array.isArray(requested.required)
    ? requested.required.filter((name) => typeof name === 'string' && names.includes(name))
    : [];
  const fields = Object.entries(properties).map(([name, field]) => [
    name,
    keepAllowedKeywords(field),
  ]);
  const schema = { type: 'object', properties: Object.fromEntries(fields), required };
  return Buffer.byteLength(JSON.stringify(schema)) > MAX_SCHEMA_BYTES
    ? { fault: `a form has at most ${MAX_SCHEMA_BYTES} bytes` }
    : { schema };
}

/** Returns a part of a schema with the allowed keywords only, and with plain texts. */
function keepAllowedKeywords(value: Json): Json {
  if (Array.isArray(value)) return value.map(keepAllowedKeywords);
  if (typeof value === 'string') return visibleText(value);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) =>
      KEYWORDS.has(key) ? [[key, keepAllowedKeywords(one)]] : [],
    ),
  );
}

/** Returns the first word that asks people for a secret, which no server may do, or undefined. */
export function requestedSecret({ message, schema }: Elicitation): string | undefined {
  const inMessage = SECRET_IN_TEXT.exec(message)?.[0];
  const fields = isJsonObject(schema.properties) ? schema.properties : {};
  const named = Object.entries(fields).find(([name, field]) => {
    const { title, format } = isJsonObject(field) ? field : {};
    const spaced = name.replaceAll(/([a-z])([A-Z])/g, '$1_$2');
    return format === 'password' || SECRET.test(spaced) || SECRET.test(String(title ?? ''));
  });
  return named?.[0] ?? inMessage;
}
