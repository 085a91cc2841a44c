import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { truncateToFit } from '../../text/truncate.ts';
import { type Argument, type Arguments, argumentsOf, methodAndPath } from './arguments.ts';
import type { Located, OpenApi } from './document.ts';
import { unfoldedSize } from './expanded-size.ts';
import { type NeededSecret, type SecretNames, secretsOf } from './security.ts';
import { secretHost, serverUrlOf } from './server-url.ts';

export type Operation = {
  name: string;
  method: string;
  template: string;
  path: Located;
  operation: Located;
};

export type ToolOptions = {
  /** The server of all requests. It overrides the servers of the description. */
  server?: string | undefined;
  /** The URL of the description. Relative servers are resolved against it. */
  source?: string | undefined;
  /** True if calls with effects need an approval. */
  approval: boolean;
  secretName: SecretNames;
};

export type ImportedTool = {
  name: string;
  entry: JsonObject;
  needed: NeededSecret[];
  pointer: string;
};

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'];
const EFFECTS: Record<string, string> = {
  get: 'pure',
  head: 'pure',
  put: 'idempotent',
  delete: 'idempotent',
};
/** The longest description that model servers accept. */
const MAX_DESCRIPTION = 1_024;
const MAX_TAGS = 20;
const LARGE_PARAMETERS = 32_768;
/**
 * Most parts of a schema after its references are expanded. The largest schemas in use have some
 * hundred thousand parts; a hostile schema doubles with each reference.
 */
const MAX_UNFOLDED = 10_000_000;

/** Returns all operations, each with the name of its future tool. */
export function operationsOf(openApi: OpenApi, prefix: string): Operation[] {
  const paths = isJsonObject(openApi.root.paths ?? null) ? (openApi.root.paths as JsonObject) : {};
  return Object.entries(paths).flatMap(([template, item]): Operation[] => {
    const at = `/paths/${template.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const path = openApi.resolve(item, at);
    if (!path) {
      openApi.note(at, `${template} is left out: its description is in another file or missing`);
      return [];
    }
    for (const method of ['options', 'trace']) {
      if (path.value[method] !== undefined) {
        openApi.note(
          `${at}/${method}`,
          `${method.toUpperCase()} ${template} is left out: tools do not support this method`,
        );
      }
    }
    return METHODS.flatMap((method) => {
      const operation = openApi.resolve(path.value[method], `${path.pointer}/${method}`);
      if (!operation) return [];
      const said = operation.value.operationId;
      const words = `${method}_${template.replace(/[^A-Za-z0-9-]+/g, '_').replace(/^_/, '')}`;
      const name = `${prefix}${typeof said === 'string' && said !== '' ? said : words}`;
      return [
        {
          name: asToolName(name),
          method,
          template,
          path,
          operation: { ...operation, pointer: `${at}/${method}` },
        },
      ];
    });
  });
}

function asToolName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^_+|(?<!_)_+$/g, '');
  return shortToolName(name || 'operation', text);
}

/** The longest name of a tool that vendors accept. */
const MAX_NAME = 64;

/**
 * Returns a name of at most 64 characters. A longer one is cut, and ends with a digest of the whole
 * text, so that two names with the same beginning differ.
 */
export function shortToolName(name: string, text: string): string {
  if (name.length <= MAX_NAME) return name;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_NAME - 9)}_${digest}`;
}

/**
 * Converts an operation to a tool. Reports an operation that cannot be a tool and returns
 * undefined.
 */
export function toolOf(
  openApi: OpenApi,
  one: Operation,
  options: ToolOptions,
): ImportedTool | undefined {
  const { name, template, operation } = one;
  const server = serverUrlOf(openApi, one, options);
  if (server === undefined) return undefined;
  const args = argumentsOf(openApi, one.path, operation);
  if (!args) return undefined;
  const url = urlOf(server, template, args);
  if (url === undefined) {
    leaveOut(
      openApi,
      operation,
      'its path does not begin with /, has a placeholder without a parameter, or contains ?, # or ..',
    );
    return undefined;
  }
  const secrets = secretsOf(openApi, operation, secretHost(server), options.secretName);
  const parameters = boundedParameters(openApi, one, args);
  if (!parameters) return undefined;
  const description = descriptionOf(operation.value, methodAndPath(operation));
  const writes = !['get', 'head'].includes(one.method);
  const capabilities = tagsOf(operation.value);
  return {
    name,
    pointer: operation.pointer,
    needed: secrets.needed,
    entry: {
      kind: 'http',
      description: openApi.visible(description, operation.pointer, `the description of ${name}`),
      ...(capabilities.length > 0 && { capabilities }),
      effect: EFFECTS[one.method] ?? 'once',
      ...(writes && options.approval && { requires_approval: true }),
      parameters,
      configuration: configurationOf(one.method, url, args, secrets.headers),
    },
  };
}

/** Returns the tags of an operation, which become capabilities of the tool. */
function tagsOf({ tags }: JsonObject): string[] {
  const names = Array.isArray(tags) ? tags : [];
  const words = names.filter((tag) => typeof tag === 'string').map((tag) => tag.trim());
  return [...new Set(words)].filter((tag) => /^[^\p{C}]{1,64}$/u.test(tag)).slice(0, MAX_TAGS);
}

function leaveOut(openApi: OpenApi, operation: Located, why: string): void {
  openApi.note(operation.pointer, `${methodAndPath(operation)} is left out: ${why}`);
}

/**
 * Returns the parameters of a tool. Reports large parameters, and returns undefined for parameters
 * that are too large when their references are expanded.
 */
function boundedParameters(
  openApi: OpenApi,
  { name, operation }: Operation,
  args: Arguments,
): JsonObject | undefined {
  const parameters = parametersOf(args);
  if (unfoldedSize(parameters) > MAX_UNFOLDED) {
    leaveOut(openApi, operation, 'its parameters are recursive');
    return undefined;
  }
  const size = JSON.stringify(parameters).length;
  if (size > LARGE_PARAMETERS) {
    openApi.note(
      operation.pointer,
      `the parameters of ${name} are ${Math.round(size / 1024)} KB, which each request to a model carries`,
    );
  }
  return parameters;
}

function configurationOf(
  method: string,
  url: string,
  { list, body, content_type }: Arguments,
  secrets: JsonObject,
): JsonObject {
  return {
    method: method.toUpperCase(),
    url,
    ...placesOf(list, url, method, body),
    ...(body !== undefined && { body }),
    ...(content_type !== undefined && { content_type }),
    ...(Object.keys(secrets).length > 0 && { secrets }),
  };
}

function descriptionOf({ summary, description, deprecated }: JsonObject, call: string): string {
  const texts = [summary, description].filter(
    (one): one is string => typeof one === 'string' && one.trim() !== '',
  );
  const said = texts.map((one) => one.trim()).filter((one, at, all) => all.indexOf(one) === at);
  const all = [...(deprecated === true ? ['Deprecated.'] : []), ...said].join('\n\n') || call;
  return truncateToFit(all, MAX_DESCRIPTION);
}

function parametersOf({ list, defs }: Arguments): JsonObject {
  const required = list.filter((one) => one.required).map(({ argument }) => argument);
  return {
    type: 'object',
    properties: Object.fromEntries(list.map(({ argument, schema }) => [argument, schema])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(Object.keys(defs).length > 0 && { $defs: defs }),
  };
}

/** Returns only the places that differ from the defaults of a request. */
function placesOf(
  list: readonly Argument[],
  url: string,
  method: string,
  body: string | undefined,
): JsonObject {
  const places = list.flatMap(
    ({ argument, name, in: place, style, explode }): [string, JsonObject][] => {
      const byItself =
        argument === body
          ? 'body'
          : url.includes(`{${name}}`)
            ? 'path'
            : ['get', 'head', 'delete'].includes(method)
              ? 'query'
              : 'body';
      const isPath = place === 'path';
      const said: JsonObject = {
        ...(place !== byItself && !isPath && { in: place }),
        ...(name !== argument && !isPath && argument !== body && { name }),
        ...(style !== undefined && { style }),
        ...(explode !== undefined && { explode }),
      };
      return Object.keys(said).length > 0 ? [[argument, said]] : [];
    },
  );
  return places.length > 0 ? { arguments: Object.fromEntries(places) } : {};
}

/**
 * Returns the URL of an operation. The path contains the names of arguments in place of the names
 * of parameters.
 */
function urlOf(server: string, template: string, { list }: Arguments): string | undefined {
  // after a host, evil.example would name another host
  if (/^[^/]|^$|[?#]/.test(template)) return undefined;
  let isWhole = true;
  const parts = template.split(/(\{[^{}]*\})/).map((part) => {
    if (!part.startsWith('{'))
      return encodeURI(part).replace(/[^A-Za-z0-9._~!$&'()*+,;=:@%/-]/g, encodeURIComponent);
    const argument = list.find((one) => one.in === 'path' && `{${one.name}}` === part)?.argument;
    isWhole &&= argument !== undefined;
    return `{${argument}}`;
  });
  const url = server + parts.join('');
  const sample = url.replace(/\{[^{}]*\}/g, 'x');
  return isWhole && new URL(sample).href === sample ? url : undefined;
}
