import type { Outcome } from '../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { type HostPattern, hostPatternOf } from '../network/host-pattern.ts';
import { replaceWithin } from '../text/replace-within.ts';

/** The place of an argument in the request, with the terms of OpenAPI. */
export type ArgumentPlace = {
  in?: 'path' | 'query' | 'header' | 'body';
  /** The name at that place, if it differs from the name of the argument. */
  name?: string;
  /** The style of lists and objects in the query. */
  style?: 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject';
  explode?: boolean;
};

/**
 * The configuration of a tool of kind `http`. `howdah_private.http_settings` checks the same rules
 * when the tool is written.
 */
export type HttpSettings = {
  /** A template: `{name}` stands for an argument, `{+name}` for an argument with slashes. */
  url: string;
  method?: string;
  arguments?: Record<string, ArgumentPlace>;
  /** The argument that is the whole body. By default the arguments of the body form an object. */
  body?: string;
  content_type?: string;
};

/** A call of the tool `http_request`, which sends the request. */
export type HttpCall = {
  args: JsonObject;
  configuration: JsonObject;
  /** The host of the tool, if it may be reached although its address is private. */
  allowPrivate?: readonly HostPattern[];
};

/** Maximum bytes of a URL whose placeholders are filled. */
const MAX_URL_BYTES = 65_536;
const WITHOUT_BODY = ['GET', 'HEAD', 'DELETE'];
const SEPARATORS: Record<string, string> = { form: ',', spaceDelimited: ' ', pipeDelimited: '|' };

/**
 * Builds the request of a tool of kind `http`. The request reaches only the host of the tool's URL,
 * whatever the arguments are. Arguments have been checked against the tool's parameters. Arguments
 * that fit the parameters but no request are rejected here. Without the guard, that host may have a
 * private address.
 */
export function httpRequestOf(
  args: JsonObject,
  configuration: JsonObject,
  { isGuarded = true } = {},
): Outcome<HttpCall> {
  const { url: template, method = 'GET', body, content_type, ...rest } = configuration;
  const settings = configuration as unknown as HttpSettings;
  const places = placesOf(args, settings);
  const path = filledIn(String(template), places.path);
  if (!path.ok) return path;
  const url = new URL(path.value);
  if (url.pathname !== pathOf(path.value)) {
    return unfit('an argument would lead to another place of the server: it may not be . or ..');
  }
  for (const { value, name, ...place } of places.query) addQuery(url, name, value, place);
  const headers = headersOf(places.header);
  if (!headers.ok) return headers;
  const sent = bodyOf(places.body, settings);
  const { arguments: _, ...sending } = rest;
  return {
    ok: true,
    value: {
      args: {
        url: url.href,
        method,
        headers: { ...headers.value, ...(sent && { 'content-type': sent.type }) },
        ...(sent && { body: sent.text }),
      },
      configuration: { ...sending, allow: [hostAndPort(url)], methods: [method] },
      ...(!isGuarded && { allowPrivate: [hostPatternOf(url)] }),
    },
  };
}

type Placed = ArgumentPlace & { argument: string; name: string; value: Json };
type Places = Record<'path' | 'query' | 'header' | 'body', Placed[]>;

function placesOf(args: JsonObject, settings: HttpSettings): Places {
  const places: Places = { path: [], query: [], header: [], body: [] };
  for (const [argument, value] of Object.entries(args)) {
    const said = settings.arguments?.[argument] ?? {};
    const name = said.name ?? argument;
    const place = said.in ?? placeOf(argument, name, settings);
    if (value !== null || place === 'body') places[place].push({ ...said, argument, name, value });
  }
  return places;
}

function placeOf(argument: string, name: string, settings: HttpSettings): keyof Places {
  if (settings.body === argument) return 'body';
  if (settings.url.includes(`{${name}}`) || settings.url.includes(`{+${name}}`)) return 'path';
  return WITHOUT_BODY.includes(settings.method ?? 'GET') ? 'query' : 'body';
}

function filledIn(template: string, values: readonly Placed[]): Outcome<string> {
  const known = new Map(values.map(({ name, value }) => [name, plain(value)]));
  const missing = [...template.matchAll(/\{\+?([^{}]+)\}/g)].find(
    ([, name = '']) => !known.get(name),
  );
  if (missing) return unfit(`${missing[1]}: it has to be a text or a number, and not empty`);
  const fill = (place: string): string => {
    const isPath = place.startsWith('+');
    const text = known.get(isPath ? place.slice(1) : place) ?? '';
    return isPath ? text.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(text);
  };
  const value = replaceWithin(template, /\{(\+?[^{}]+)\}/g, fill, MAX_URL_BYTES);
  if (value === undefined) return unfit(`the URL would have more than ${MAX_URL_BYTES} bytes`);
  return { ok: true, value };
}

/**
 * Formats a value for a path or a header. A list is joined with commas, and an object is not
 * supported.
 */
function plain(value: Json): string | undefined {
  if (Array.isArray(value)) {
    return value.every((one) => !isNested(one)) ? value.map(String).join(',') : undefined;
  }
  if (isJsonObject(value)) return undefined;
  return typeof value === 'string' && !value.isWellFormed() ? undefined : String(value);
}

function isNested(value: Json): boolean {
  return Array.isArray(value) || isJsonObject(value);
}

/** Returns the path as the text contains it. A parser may normalize it: `/a/../b` becomes `/b`. */
function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]+/, '') || '/';
}

function addQuery(url: URL, name: string, value: Json, place: ArgumentPlace): void {
  const { style = 'form', explode = style === 'form' } = place;
  const add = (key: string, one: Json) => url.searchParams.append(key, textOf(one));
  if (isJsonObject(value) && style === 'deepObject') {
    for (const [key, one] of Object.entries(value)) add(`${name}[${key}]`, one as Json);
  } else if (isJsonObject(value) && explode) {
    for (const [key, one] of Object.entries(value)) add(key, one as Json);
  } else if (isJsonObject(value)) {
    add(
      name,
      Object.entries(value)
        .flatMap(([key, one]) => [key, textOf(one as Json)])
        .join(','),
    );
  } else if (Array.isArray(value) && explode) {
    for (const one of value) add(name, one);
  } else if (Array.isArray(value)) {
    add(name, value.map(textOf).join(SEPARATORS[style] ?? ','));
  } else add(name, value);
}

function textOf(value: Json): string {
  return isNested(value) ? JSON.stringify(value) : String(value);
}

function headersOf(values: readonly Placed[]): Outcome<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const { name, value } of values) {
    const text = plain(value);
    if (text === undefined) return unfit(`${name}: it has no form in a header`);
    headers[name] = text;
  }
  return { ok: true, value: headers };
}

function bodyOf(values: readonly Placed[], settings: HttpSettings) {
  const { body, content_type: type = 'application/json' } = settings;
  if (values.length === 0) return undefined;
  const whole = values.find(({ argument }) => argument === body)?.value;
  const value = body !== undefined ? (whole ?? null) : objectOf(values);
  return { type, text: encodeBody(value, type) };
}

function objectOf(values: readonly Placed[]): JsonObject {
  return Object.fromEntries(values.map(({ name, value }) => [name, value]));
}

function encodeBody(value: Json, type: string): string {
  if (type.startsWith('text/')) return textOf(value);
  if (!type.startsWith('application/x-www-form-urlencoded')) return JSON.stringify(value);
  const form = new URL('http://form/');
  for (const [name, one] of Object.entries(isJsonObject(value) ? value : {})) {
    if (one !== null) addQuery(form, name, one as Json, {});
  }
  return form.searchParams.toString();
}

function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

function unfit(message: string): Outcome<never> {
  return { ok: false, error: { code: 'invalid_arguments', message, retryable: false } };
}
