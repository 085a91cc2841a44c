import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { isHeader } from '../../tools/http-request/headers.ts';
import type { ArgumentPlace } from '../../tools/http-tool.ts';
import type { Located, OpenApi } from './document.ts';
import { Schemas } from './schema.ts';

/** Names of arguments that all model servers accept. */
const ARGUMENT = /^[A-Za-z0-9_.-]{1,64}$/;
/** Headers that frame a request or that other settings determine. They are no arguments. */
const OURS =
  /^(accept|content-type|authorization|host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept-encoding|cookie2?|proxy-.*)$/i;
/** The keywords of a plain object schema. Such a body is split into its properties. */
const PLAIN = new Set([
  'type',
  'properties',
  'required',
  'title',
  'description',
  'additionalProperties',
  'example',
  'examples',
]);

export type ParameterPlace = Required<Pick<ArgumentPlace, 'in' | 'name'>> &
  Omit<ArgumentPlace, 'in' | 'name'>;
export type Argument = ParameterPlace & { argument: string; schema: Json; required: boolean };

/**
 * The arguments of an operation. `argumentsOf` returns undefined for an operation with a required
 * parameter that no request of a tool can send.
 */
export type Arguments = {
  list: Argument[];
  defs: JsonObject;
  /** The argument that is the whole body. */
  body?: string;
  content_type?: string;
};

export function argumentsOf(
  openApi: OpenApi,
  path: Located,
  operation: Located,
): Arguments | undefined {
  const schemas = new Schemas(openApi, operation.pointer);
  const all = new Map<string, Argument>();
  for (const { value, pointer } of [path, operation]) {
    for (const [index, one] of listOf(value.parameters).entries()) {
      const place = `${pointer}/parameters/${index}`;
      const parameter = openApi.resolve(one, place);
      const problem = parameter
        ? problemOf(parameter.value)
        : 'a reference to another file, or to a missing part';
      if (parameter && !problem) {
        const argument = argumentOf(parameter.value, schemas);
        all.set(`${argument.in} ${argument.name}`, argument);
      } else if (parameter?.value.required === true || !parameter) {
        openApi.note(
          place,
          `${methodAndPath(operation)} is left out: it needs ${parameter ? `${String(parameter.value.name)}, ` : ''}${problem}`,
        );
        return undefined;
      } else if (problem !== IGNORED) {
        openApi.note(place, `${String(parameter.value.name)} is left out: ${problem}`);
      }
    }
  }
  const body = bodyOf(openApi, operation, schemas);
  if (body === undefined) return undefined;
  const list = distinct([...all.values(), ...body.list]);
  const whole = list.find(({ isBody }) => isBody)?.argument;
  return {
    list: list.map(({ isBody: _, ...argument }) => argument),
    defs: schemas.defs,
    ...(whole !== undefined && { body: whole }),
    ...(body.content_type !== undefined && { content_type: body.content_type }),
  };
}

const IGNORED = 'ignored';

function problemOf(parameter: JsonObject): string | undefined {
  const { name, in: place, style, content } = parameter;
  if (typeof name !== 'string' || name === '') return 'a parameter without a name';
  if (place === 'header' && OURS.test(name))
    return parameter.required === true && /^cookie/i.test(name) ? 'a cookie' : IGNORED;
  if (place === 'header' && !isHeader(name, '')) return 'which is not a header that may be sent';
  if (place === 'cookie') return 'a cookie, which is never sent';
  if (!['path', 'query', 'header'].includes(String(place)))
    return `in: ${String(place)}, which is not a valid place`;
  if (content !== undefined) return 'a parameter with content instead of a schema';
  const styles =
    place === 'query' ? ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'] : ['simple'];
  return style === undefined || styles.includes(String(style))
    ? undefined
    : `style ${String(style)}`;
}

function argumentOf(parameter: JsonObject, schemas: Schemas): Argument {
  const { name, in: place, style, explode, description, deprecated } = parameter;
  const schema = schemas.take(parameter.schema);
  const documentation =
    typeof description === 'string' && isJsonObject(schema) && schema.description === undefined
      ? {
          description: schemas.visibleDescription(description),
          ...(deprecated === true && { deprecated }),
        }
      : {};
  const written =
    place === 'query' && style !== undefined && style !== 'form'
      ? { style: style as 'deepObject' }
      : {};
  const isSplit = explode === ((style ?? 'form') === 'form');
  return {
    argument: String(name),
    name: String(name),
    in: place as 'query',
    ...written,
    ...(place === 'query' && typeof explode === 'boolean' && !isSplit && { explode }),
    required: parameter.required === true || place === 'path',
    schema: isJsonObject(schema) ? { ...schema, ...documentation } : schema,
  };
}

type Found = Argument & { isBody?: boolean };

function bodyOf(
  openApi: OpenApi,
  operation: Located,
  schemas: Schemas,
): { list: Found[]; content_type?: string } | undefined {
  const { requestBody } = operation.value;
  const method = operation.pointer.split('/').at(-1) ?? '';
  if (requestBody === undefined || ['get', 'head'].includes(method)) return { list: [] };
  const pointer = `${operation.pointer}/requestBody`;
  const body = openApi.resolve(requestBody, pointer);
  const contents = isJsonObject(body?.value.content) ? body.value.content : {};
  const type = typeOf(Object.keys(contents));
  const isNeeded = body?.value.required === true;
  if (!body || type === undefined) {
    const kinds = Object.keys(contents).join(', ') || 'of an unsupported type';
    const call = methodAndPath(operation);
    const isLeftOut = isNeeded || !body;
    openApi.note(
      pointer,
      isLeftOut
        ? `${call} is left out: its body is ${kinds}`
        : `the body of ${call} is left out: it is ${kinds}`,
    );
    return isLeftOut ? undefined : { list: [] };
  }
  const schema = openApi.resolve(contents[type], `${body.pointer}/content`)?.value.schema;
  const properties = isNeeded ? propertiesOf(openApi, schema, schemas) : undefined;
  return {
    list: properties ?? [wholeBody(body.value, schema, schemas)],
    ...(!/^application\/json\b/.test(type) && { content_type: type.split(';')[0] as string }),
  };
}

/** Returns the argument that is the whole body of a request. */
function wholeBody(body: JsonObject, schemaOfBody: Json | undefined, schemas: Schemas): Found {
  const schema = schemas.take(schemaOfBody);
  const { description } = body;
  return {
    argument: 'body',
    name: 'body',
    in: 'body',
    required: body.required === true,
    schema:
      typeof description === 'string' && isJsonObject(schema)
        ? { ...schema, description: schemas.visibleDescription(description) }
        : schema,
    isBody: true,
  };
}

/** Chooses the media type of a body: JSON before a form before plain text. */
function typeOf(types: readonly string[]): string | undefined {
  const kinds = [
    /^application\/json\b/i,
    /^application\/[\w.+-]+\+json\b/i,
    /^application\/x-www-form-urlencoded\b/i,
    /^text\/plain\b/i,
  ];
  return kinds
    .map((kind) => types.find((type) => kind.test(type)))
    .find((type) => type !== undefined);
}

/**
 * Returns the properties of a plain object body as arguments, because models fill such arguments
 * best.
 */
function propertiesOf(
  openApi: OpenApi,
  schema: Json | undefined,
  schemas: Schemas,
): Found[] | undefined {
  const found = openApi.resolve(schema, '');
  const { value } = found ?? {};
  if (!value || !isJsonObject(value.properties ?? null)) return undefined;
  const names = Object.keys(value.properties as JsonObject);
  const isPlain = Object.keys(value).every((key) => PLAIN.has(key) || key.startsWith('x-'));
  const isClosed = value.additionalProperties === undefined || value.additionalProperties === false;
  if (!isPlain || !isClosed || names.length === 0 || names.some((name) => !ARGUMENT.test(name)))
    return undefined;
  const required = listOf(value.required);
  return Object.entries(value.properties as JsonObject)
    .filter(([, one]) => openApi.resolve(one, '')?.value.readOnly !== true)
    .map(([name, one]) => ({
      argument: name,
      name,
      in: 'body' as const,
      required: required.includes(name),
      schema: schemas.take(one),
    }));
}

/** Renames arguments of the same name, for example in the path and in the query, by their place. */
function distinct(list: readonly Found[]): Found[] {
  const taken = new Set<string>();
  return list.map((one) => {
    const plain = ARGUMENT.test(one.argument)
      ? one.argument
      : one.argument.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 60) || 'argument';
    let argument = taken.has(plain) ? `${one.in}_${plain}`.slice(0, 64) : plain;
    for (let count = 2; taken.has(argument); count += 1)
      argument = `${plain.slice(0, 60)}_${count}`;
    taken.add(argument);
    return { ...one, argument };
  });
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** Returns `POST /pets` by the pointer of an operation. */
export function methodAndPath({ pointer }: Located): string {
  const [, path = '', method = ''] = pointer.split('/').slice(1);
  return `${method.toUpperCase()} ${path.replaceAll('~1', '/').replaceAll('~0', '~')}`;
}
