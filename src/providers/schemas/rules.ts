/** A value that a vendor accepts, or the reason why none can be made. */
export type Fitted<T> = { ok: true; value: T } | { ok: false; reason: string };

/** Rules of a vendor for schemas of one use: parameters of tools, or answers. */
export type SchemaRules = Readonly<{
  /** The keywords that are sent. Absent: all. Others are described in words. */
  keywords?: ReadonlySet<string>;
  /** The values of `format` that are sent. Absent: all. */
  formats?: ReadonlySet<string>;
  /** The values of `enum` that are sent: any, or texts (and numbers) alone. */
  enums: 'any' | 'texts' | 'texts and numbers';
  /** True if references are sent. Otherwise their targets replace them. */
  refs: 'sent' | 'replaced';
  /** Kind of root: an object without combinations at its top, or any. */
  root: 'object' | 'any';
  /** The names that properties may have. Absent: any. */
  names?: RegExp;
  /** Set if objects must be closed and all properties required: the strict form of OpenAI. */
  isStrict?: true;
}>;

/** The rules of a vendor. `docs/reference/providers.md` is generated from these tables. */
export type VendorRules = Readonly<{
  title: string;
  vendors: string;
  /** Where the vendor publishes its rules. */
  sources: readonly string[];
  tools: SchemaRules;
  answers: SchemaRules;
  /** The rules of the vendor's strict mode, which models with `"strict": true` use. */
  strict?: Pick<VendorRules, 'tools' | 'answers'>;
  /** The names that tools may have, besides `[A-Za-z0-9_-]{1,64}`. */
  toolNames?: RegExp;
}>;

const ANYTHING: SchemaRules = { enums: 'any', refs: 'sent', root: 'object' };

const STRICT: SchemaRules = {
  keywords: new Set([
    ...['type', 'title', 'description', 'enum', 'const', 'anyOf', '$ref', '$defs', 'definitions'],
    ...['properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems'],
    ...['pattern', 'format', 'multipleOf'],
    ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ]),
  formats: new Set([
    ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid'],
  ]),
  enums: 'any',
  refs: 'sent',
  root: 'object',
  isStrict: true,
};

/** OpenAI with `"strict": true` in the `request_params` of the model. */
export const OPENAI_STRICT: VendorRules = {
  title: 'OpenAI, strict',
  vendors: 'OpenAI’s format, with `"strict": true`',
  sources: ['https://platform.openai.com/docs/guides/structured-outputs#supported-schemas'],
  tools: STRICT,
  answers: STRICT,
};

/** Servers with OpenAI's format. Nothing is changed but what most of them refuse. */
export const COMPATIBLE: VendorRules = {
  title: 'Servers with OpenAI’s format',
  vendors: 'all others',
  sources: ['https://platform.openai.com/docs/guides/function-calling'],
  tools: ANYTHING,
  answers: ANYTHING,
  strict: OPENAI_STRICT,
};

/**
 * OpenAI without strict mode accepts all keywords. It refuses parameters that are no object, that
 * have no `properties`, or with a combination at the top; an array without `items`; and a schema of
 * an answer whose root is no object.
 */
export const OPENAI: VendorRules = {
  title: 'OpenAI',
  vendors: 'OpenAI, Azure',
  sources: [
    'https://platform.openai.com/docs/guides/function-calling',
    'https://platform.openai.com/docs/guides/structured-outputs',
  ],
  tools: ANYTHING,
  answers: ANYTHING,
  strict: OPENAI_STRICT,
};

/**
 * Anthropic refuses parameters whose root is no object or has `anyOf`, `oneOf` or `allOf`, and
 * properties with other names. Its package drops what the format of answers does not support.
 */
const ANTHROPIC_SCHEMAS: SchemaRules = {
  enums: 'any',
  refs: 'sent',
  root: 'object',
  names: /^[a-zA-Z0-9_.-]{1,64}$/,
};

export const ANTHROPIC: VendorRules = {
  title: 'Anthropic',
  vendors: 'Anthropic, Bedrock',
  sources: [
    'https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use',
    'https://docs.claude.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations',
    'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolInputSchema.html',
  ],
  tools: ANTHROPIC_SCHEMAS,
  answers: ANTHROPIC_SCHEMAS,
};

const GEMINI_KEYWORDS = [
  ...['type', 'title', 'description', 'format', 'enum', 'anyOf', 'properties', 'required'],
  ...['items', 'minItems', 'maxItems', 'minimum', 'maximum'],
];

/**
 * The keywords that both schemas of Gemini know: `Schema` (a subset of OpenAPI 3.0) and JSON
 * Schema. Answers are JSON Schema alone, in which maps and tuples can be told.
 */
export const GEMINI: VendorRules = {
  title: 'Google Gemini',
  vendors: 'Google, Vertex AI',
  sources: [
    'https://ai.google.dev/api/caching#Schema',
    'https://ai.google.dev/api/generate-content#FIELDS.response_json_schema',
    'https://ai.google.dev/gemini-api/docs/structured-output',
  ],
  toolNames: /^[A-Za-z_]/,
  tools: {
    keywords: new Set(GEMINI_KEYWORDS),
    formats: new Set(['date-time', 'int32', 'int64', 'float', 'double']),
    enums: 'texts',
    refs: 'replaced',
    root: 'object',
  },
  answers: {
    keywords: new Set([...GEMINI_KEYWORDS, 'additionalProperties', 'prefixItems']),
    formats: new Set(['date-time', 'date', 'time', 'int32', 'int64', 'float', 'double']),
    enums: 'texts and numbers',
    refs: 'replaced',
    root: 'any',
  },
};

/** xAI compiles schemas of answers. Its package always marks them as strict. */
export const XAI: VendorRules = {
  title: 'xAI',
  vendors: 'xAI',
  sources: ['https://docs.x.ai/docs/guides/structured-outputs'],
  tools: ANYTHING,
  answers: {
    keywords: new Set([
      ...['type', 'title', 'description', 'enum', 'const', 'anyOf', '$ref', '$defs'],
      ...['definitions', 'properties', 'required', 'additionalProperties', 'items', 'minimum'],
      ...['maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
    ]),
    enums: 'any',
    refs: 'sent',
    root: 'object',
  },
};

/** All tables, in the order of the documentation. */
export const ALL_RULES: readonly VendorRules[] = [
  OPENAI,
  OPENAI_STRICT,
  ANTHROPIC,
  GEMINI,
  XAI,
  COMPATIBLE,
];

/** The rules of vendors that are reached by their package. */
const OF_PACKAGES: Readonly<Record<string, VendorRules>> = {
  anthropic: ANTHROPIC,
  'amazon-bedrock': ANTHROPIC,
  google: GEMINI,
  'google-vertex': GEMINI,
  azure: OPENAI,
  xai: XAI,
};

/** Returns the rules of a vendor that is reached by its package of the AI SDK. */
export function rulesOfPackage(vendor: string): VendorRules {
  return OF_PACKAGES[vendor] ?? COMPATIBLE;
}
