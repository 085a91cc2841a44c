import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseNumber } from '../../json/parse-json.ts';
import { ALIASES, providerOf } from '../../providers/catalog/aliases.ts';
import { findVendor } from '../../providers/vendors.ts';
import { EFFORTS, PROVIDERS, TEST_MODELS } from './providers.ts';
import { type FastAgentSettings, keyAdvice, type ProviderSettings } from './read-settings.ts';

/** The name of a model in the file, and the parameters of its requests. */
export type ModelChoice = {
  model?: string;
  /** The provider's name in fast-agent. */
  vendor?: string;
  request_params: JsonObject;
};

/** Reports a message at the place that names the model. */
export type Tell = (message: string) => void;

/** The models of an import. `choose` resolves a model string and adds the model to `entries`. */
export type Models = {
  choose(spec: string | undefined, tell: Tell): ModelChoice;
  entries: JsonObject;
};

type Spec = { provider: string; model: string; params: JsonObject };

/**
 * Creates the models of an import. An empty model string means the configured default model.
 * Without a configured default, the result has no model, which means the model named default.
 */
export function createModels(settings: FastAgentSettings, tellOfDefault: Tell): Models {
  const entries: JsonObject = {};
  const reported = new Set<string>();
  const once = (key: string, message: string, tell: Tell) => {
    if (!reported.has(key)) tell(message);
    reported.add(key);
  };
  const take = (written: string, tell: Tell): ModelChoice | undefined => {
    const spec = parse(written, settings.references, tell);
    if (!spec) return undefined;
    const reach = PROVIDERS[spec.provider] ?? { provider: spec.provider };
    const said = settings.providers[spec.provider] ?? settings.providers[reach.section ?? ''] ?? {};
    if (reach.but) once(spec.provider, `model ${JSON.stringify(written)}: ${reach.but}`, tell);
    const entry = entryOf(spec, said);
    // a server with its own address never receives the key of the environment
    if (entry.base_url && !said.hasKey && !reach.isOpen) {
      const advice = keyAdvice(`the key of ${spec.provider}`, spec.provider);
      once(`key ${spec.provider}`, advice, tell);
    }
    if (reach.provider === 'azure' && !entry.base_url) {
      once('azure', `model ${JSON.stringify(written)}: give it a base_url`, tell);
    }
    return {
      model: remember(entries, spec, entry),
      vendor: spec.provider,
      request_params: { ...effortParams(said.effort), ...spec.params },
    };
  };
  let standard: ModelChoice | undefined;
  const byDefault = () => {
    const { default_model } = settings;
    standard ??= (default_model && take(default_model.spec, tellOfDefault)) ?? {
      request_params: {},
    };
    return structuredClone(standard);
  };
  return { choose: (spec, tell) => (spec && take(spec, tell)) || byDefault(), entries };
}

function entryOf({ provider, model }: Spec, said: ProviderSettings): JsonObject {
  const reach = PROVIDERS[provider] ?? { provider };
  const base_url = said.base_url ?? reach.base_url;
  return { provider: reach.provider, model, ...(base_url !== undefined && { base_url }) };
}

/** Reserved names. `default` is the name of the environment's model. */
const TAKEN = ['default', '__proto__'];

/** Adds a model under its own id, or under its provider and id if the id is taken. */
function remember(entries: JsonObject, { provider, model }: Spec, entry: JsonObject): string {
  const isFree = (name: string) =>
    !Object.hasOwn(entries, name) || JSON.stringify(entries[name]) === JSON.stringify(entry);
  const name = !TAKEN.includes(model) && isFree(model) ? model : `${provider}.${model}`;
  entries[name] = entry;
  return name;
}

/**
 * Parses `provider.model?reasoning=high&…`, an alias of it, or `$group.name` of the configuration.
 */
function parse(written: string, references: JsonObject, tell: Tell): Spec | undefined {
  const spec = resolveReference(written.trim(), references);
  const quoted = JSON.stringify(written);
  if (spec === undefined) {
    tell(`model ${quoted}: the configuration does not define it; the default model is used`);
    return undefined;
  }
  if (/\$\{/.test(spec)) {
    tell(`model ${quoted}: fast-agent reads it from the environment; the default model is used`);
    return undefined;
  }
  const [base = '', query = ''] = splitSpec(spec);
  const [meant = '', defaults = ''] = splitSpec(
    ALIASES.get(base) ?? ALIASES.get(base.toLowerCase()) ?? base,
  );
  const [name, effort] = withoutEffort(meant);
  if (TEST_MODELS.has(name)) {
    tell(`model ${quoted} is for tests of fast-agent; the default model is used`);
    return undefined;
  }
  const [provider, model] = withProvider(name, quoted, tell);
  const params = {
    ...queryParams(defaults, tell),
    ...effortParams(effort),
    ...queryParams(query, tell),
  };
  return { provider, model, params };
}

function resolveReference(spec: string, references: JsonObject, depth = 0): string | undefined {
  if (!spec.startsWith('$') || spec.startsWith('${')) return spec;
  const [group = '', name = ''] = spec.slice(1).split('.');
  const named = references[group];
  const value = isJsonObject(named) ? named[name] : undefined;
  return typeof value === 'string' && depth < 10
    ? resolveReference(value.trim(), references, depth + 1)
    : undefined;
}

const splitSpec = (spec: string) => {
  const at = spec.indexOf('?');
  return at < 0 ? [spec] : [spec.slice(0, at), spec.slice(at + 1)];
};

/** Splits the effort off a model string. Older versions wrote `o3-mini.high`. */
function withoutEffort(spec: string): [string, string | undefined] {
  const at = spec.lastIndexOf('.');
  const suffix = spec.slice(at + 1);
  return at > 0 && EFFORTS.includes(suffix) ? [spec.slice(0, at), suffix] : [spec, undefined];
}

function withProvider(spec: string, quoted: string, tell: Tell): [string, string] {
  for (const mark of ['/', '.']) {
    const at = spec.indexOf(mark);
    const provider = spec.slice(0, Math.max(at, 0));
    const isVendor = mark === '.' && findVendor(provider)?.name === provider;
    const isNamed = (isVendor || Object.hasOwn(PROVIDERS, provider)) && spec.length > at + 1;
    // openai/gpt-oss-20b is the name of a model at several servers, and openai is not one of them
    if (isNamed && !(mark === '/' && /^gpt-oss/.test(spec.slice(at + 1)))) {
      return [provider, spec.slice(at + 1)];
    }
  }
  const guessed = providerOf(spec);
  if (guessed === undefined) tell(`model ${quoted} has no provider; openai is used`);
  return [guessed ?? 'openai', spec];
}

/** Parameters of a model string that servers support, with the servers' names. */
const PARAMS: Readonly<Record<string, string>> = {
  max_tokens: 'max_tokens',
  maxTokens: 'max_tokens',
  min_p: 'min_p',
  minP: 'min_p',
  presence_penalty: 'presence_penalty',
  presencePenalty: 'presence_penalty',
  repetition_penalty: 'repetition_penalty',
  repetitionPenalty: 'repetition_penalty',
  temp: 'temperature',
  temperature: 'temperature',
  top_k: 'top_k',
  topK: 'top_k',
  top_p: 'top_p',
  topP: 'top_p',
};

function queryParams(query: string, tell: Tell): JsonObject {
  const params: JsonObject = {};
  for (const [key, value] of new URLSearchParams(query)) {
    const name = Object.hasOwn(PARAMS, key) ? PARAMS[key] : undefined;
    const number = parseNumber(value);
    if (key === 'reasoning' && EFFORTS.includes(value)) Object.assign(params, effortParams(value));
    else if (key === 'verbosity') params.verbosity = value;
    else if (name !== undefined && number !== undefined) params[name] = number;
    else tell(`${key}=${value} in a model string is not supported`);
  }
  return params;
}

function effortParams(effort: string | undefined): JsonObject {
  return effort !== undefined && EFFORTS.includes(effort) ? { reasoning_effort: effort } : {};
}
