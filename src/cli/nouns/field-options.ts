import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { HowdahError } from '../../contracts/errors.ts';
import { parseNumber } from '../../json/parse-json.ts';
import type { Body, CommandResource } from '../../resources/resource.ts';
import { withArticle } from '../../text/with-article.ts';
import { nameColumnOf } from '../backend/unknown-name.ts';
import { readArgument, readTextArgument } from '../input/input-argument.ts';
import { uuidOf } from '../input/resolve-id.ts';
import type { CliIo } from '../output/output.ts';

/** The form of the value of a field at the command line. */
type Form = 'text' | 'name' | 'id' | 'number' | 'flag' | 'choice' | 'words' | 'json';
type Options = Readonly<Record<string, unknown>>;
type Field = {
  name: string;
  option: string;
  form: Form;
  schema: z.ZodType;
  isRequired: boolean;
};

/** Adds an option for each field of a resource that may be changed. */
export function withChangeOptions(command: Command, resource: CommandResource): Command {
  const fields = changeableFields(resource);
  for (const field of fields) command.addOption(optionOf(field));
  const nullable = fields.filter(({ schema }) => schema.safeParse(null).success);
  if (nullable.length === 0) return command;
  const names = nullable.map(({ name }) => name);
  return command.addOption(
    new Option('--unset <fields...>', 'fields to set to null').choices(names),
  );
}

/** Adds the argument for the name, and an option for each other field of a new row. */
export function withCreationOptions(command: Command, resource: CommandResource): Command {
  const name = nameColumnOf(resource);
  if (name !== 'id') command.argument(`<${name}>`, `${name} of the ${resource.one}`);
  for (const field of fieldsOfNewRow(resource)) {
    command.addOption(optionOf(field).makeOptionMandatory(field.isRequired));
  }
  return command;
}

/** Returns a word of a command in the form of a shell, in quotation marks if it needs them. */
export const inShell = (word: string) => (/^[\w./:@,-]+$/.test(word) ? word : JSON.stringify(word));

/** Returns the words of a command that set the fields of a row, in the form of a shell. */
export function wordsToSet(resource: CommandResource, body: Body): string[] {
  const name = nameColumnOf(resource);
  const forms = new Map(fieldsOf(resource).map((field) => [field.name, field]));
  return Object.entries(body).map(([field, value]) => {
    if (field === name) return inShell(String(value));
    const { option, form } = forms.get(field) ?? { option: field, form: 'text' };
    if (form === 'json') return `--${option} '${JSON.stringify(value)}'`;
    return `--${option} ${inShell(String(value))}`;
  });
}

/** Returns the fields that the options set, by name. Throws `EUSAGE` if there are none. */
export async function readChange(
  io: CliIo,
  resource: CommandResource,
  options: Options,
): Promise<Record<string, unknown>> {
  const fields = changeableFields(resource);
  const values = await readFields(io, fields, options);
  for (const name of (options.unset as string[] | undefined) ?? []) {
    if (name in values) throw setTwice(name);
    values[name] = null;
  }
  if (Object.keys(values).length > 0) return values;
  throw new HowdahError('EUSAGE', `no field of the ${resource.one} is named`, {
    hint: `Set at least one of ${fields.map(({ option }) => `--${option}`).join(', ')}.`,
  });
}

/** Returns the fields of a new row. */
export async function readNewRow(
  io: CliIo,
  resource: CommandResource,
  name: string | undefined,
  options: Options,
): Promise<Record<string, unknown>> {
  const values = await readFields(io, fieldsOfNewRow(resource), options);
  return name === undefined ? values : { [nameColumnOf(resource)]: name, ...values };
}

async function readFields(io: CliIo, fields: readonly Field[], options: Options) {
  const values: Record<string, unknown> = {};
  for (const field of fields) {
    const value = options[camel(field.option)];
    if (value !== undefined) values[field.name] = await readValue(io, field, value);
  }
  return values;
}

const changeableFields = (resource: CommandResource) =>
  fieldsOf(resource).filter(
    ({ name }) => !resource.once.includes(name) && !resource.once.includes(`${name}_id`),
  );
const fieldsOfNewRow = (resource: CommandResource) =>
  fieldsOf(resource).filter(({ name }) => name !== nameColumnOf(resource));

function fieldsOf({ fields: { shape }, references }: CommandResource): Field[] {
  const needed = references.filter(({ isRequired }) => isRequired).map(({ field }) => field);
  return (Object.entries(shape) as [string, z.ZodType][])
    .filter(([name]) => !isGivenByName(name, shape))
    .map(([name, schema]) => ({
      name,
      option: optionName(name),
      form: `${name}_id` in shape ? 'name' : formOf(schema),
      schema,
      isRequired: needed.includes(name) || !schema.safeParse(undefined).success,
    }));
}

/** Returns the option of a field. That of a field which names a secret is `--secret`. */
const optionName = (field: string) =>
  field.replace(/(?<=^|_)secret_name$/, 'secret').replaceAll('_', '-');

/** True for the id of a row that another field gives by its name. */
const isGivenByName = (name: string, shape: object) =>
  name.endsWith('_id') && name.slice(0, -'_id'.length) in shape;

/** The values of a field in help. `@file` is read from a file. */
const PLACES: Record<Form, string> = {
  text: '<text|@file>',
  name: '<name>',
  id: '<id>',
  number: '<number>',
  flag: '<true|false>',
  choice: '<value>',
  words: '<a,b>',
  json: '<json|@file>',
};

function optionOf({ option, form, schema, name }: Field): Option {
  const made = new Option(
    `--${option} ${PLACES[form]}`,
    describe(schema.description ?? name.replaceAll('_', ' ')),
  );
  if (form === 'flag') return made.choices(['true', 'false']);
  if (form === 'choice') return made.choices(labelsOf(schema));
  if (form === 'id') return made.argParser((text) => uuidOf(text, withArticle(idOwner(name))));
  return form === 'number' ? made.argParser(parseAnyNumber) : made;
}

/** Returns the row that an id field means, such as `user`. */
const idOwner = (name: string) => name.replace(/_id$/, '').replaceAll('_', ' ');

/** Returns the first sentence of a description, in the form of help. */
function describe(text: string): string {
  const [sentence = text] = text.split(/\.(?:\s|$)/);
  const isWord = /^[A-Z][^A-Z]/.test(sentence);
  return isWord ? `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}` : sentence;
}

function parseAnyNumber(text: string) {
  const number = parseNumber(text.trim());
  if (number !== undefined) return number;
  throw new InvalidArgumentError('Use a number, such as 100 or 0.25.');
}

async function readValue(io: CliIo, { form, option }: Field, value: unknown): Promise<unknown> {
  if (form === 'text') return readTextArgument(io, `--${option}`, String(value));
  if (form === 'flag') return value === 'true';
  if (form === 'words') {
    return String(value)
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  }
  return form === 'json' ? ((await readArgument(io, option, String(value))) ?? null) : value;
}

function setTwice(name: string): HowdahError {
  return new HowdahError('EUSAGE', `--unset ${name} and a value for it exclude each other`, {
    hint: 'Use only one of them.',
  });
}

/** The parts of the definition of a schema that decide how it is written. */
type Definition = { type: string; innerType?: z.ZodType; element?: z.ZodType; out?: z.ZodType };

const definitionOf = (schema: z.ZodType) => schema.def as unknown as Definition;

/** Returns the schema below `optional`, `nullable` and transformations. */
function innermost(schema: z.ZodType): z.ZodType {
  const { type, innerType, out } = definitionOf(schema);
  const inner = type === 'pipe' ? out : innerType;
  return inner === undefined ? schema : innermost(inner);
}

function formOf(schema: z.ZodType): Form {
  const { type, element } = definitionOf(innermost(schema));
  if (type === 'string') return isId(schema) ? 'id' : 'text';
  if (type === 'number' || type === 'int') return 'number';
  if (type === 'boolean') return 'flag';
  if (type === 'enum') return 'choice';
  if (type !== 'array' || element === undefined) return 'json';
  return ['string', 'enum'].includes(definitionOf(innermost(element)).type) ? 'words' : 'json';
}

const isId = (schema: z.ZodType) => (innermost(schema) as z.ZodGUID).format === 'guid';
const labelsOf = (schema: z.ZodType) => (innermost(schema) as z.ZodEnum).options.map(String);
const camel = (option: string) =>
  option.replaceAll(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());
