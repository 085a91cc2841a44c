import type { JsonObject } from '../../json/json.ts';
import { Fields } from './fields.ts';
import type { Findings, Mapping } from './project.ts';
import { EFFORTS, PROVIDERS } from './providers.ts';
import { findServers, readServers, type ServerEntry, type Servers } from './servers.ts';

/** The settings of a provider in a configuration. */
export type ProviderSettings = { base_url?: string; hasKey?: true; effort?: string };

/** The settings that an import needs. */
export type FastAgentSettings = {
  default_model?: { spec: string; mapping: Mapping };
  /** The values of references such as `$system.fast`, by group and name. */
  references: JsonObject;
  providers: Record<string, ProviderSettings>;
  servers: Servers;
};

const ELSEWHERE = 'not part of an agent or model; configure it on the server';
const UNSUPPORTED_KEYS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'a2a',
    'auto_sampling',
    'cards',
    'commands',
    'compaction',
    'default_environment',
    'environments',
    'execution_engine',
    'harness_app',
    'logger',
    'otel',
    'plugins',
    'sessions',
    'session_history',
    'shell_execution',
    'skills',
    'tui',
  ].map((key) => [key, ELSEWHERE]),
);

const SECTIONS = new Set(Object.values(PROVIDERS).map(({ section }) => section));
for (const name of Object.keys(PROVIDERS)) SECTIONS.add(name);

/**
 * Reads fastagent.config.yaml and the file of secrets. Later files override earlier files. Keys are
 * only reported, never copied.
 */
export function readSettings(mappings: readonly Mapping[], findings: Findings): FastAgentSettings {
  const found: ServerEntry[] = [];
  const settings: Omit<FastAgentSettings, 'servers'> = { references: {}, providers: {} };
  for (const mapping of mappings) {
    const fields = new Fields(mapping, findings);
    const spec = fields.text('default_model');
    if (spec !== undefined) settings.default_model = { spec, mapping };
    Object.assign(
      settings.references,
      fields.object('model_aliases'),
      fields.object('model_references'),
    );
    const mcp = fields.object('mcp');
    if (mcp) found.push(...findServers(mapping, mcp, findings));
    for (const key of Object.keys(mapping.data).filter((one) => SECTIONS.has(one))) {
      const section = fields.object(key);
      if (section) readProvider(key, { ...mapping, data: section }, settings, findings);
    }
    fields.leave(UNSUPPORTED_KEYS);
  }
  return { ...settings, servers: readServers(found, findings) };
}

function readProvider(
  name: string,
  section: Mapping,
  { providers }: Pick<FastAgentSettings, 'providers'>,
  findings: Findings,
): void {
  const fields = new Fields(section, findings, [name]);
  const found: ProviderSettings = providers[name] ?? {};
  providers[name] = found;
  if (fields.take('api_key') !== undefined) {
    found.hasKey = true;
    fields.note(['api_key'], keyAdvice('api_key', name));
  }
  const url = fields.text('base_url') ?? azureUrl(fields.text('resource_name'));
  if (url !== undefined && /^https?:\/\/[^\s@$]+$/i.test(url)) {
    found.base_url = name === 'tensorzero' ? `${url.replace(/\/$/, '')}/openai/v1` : url;
  } else if (url !== undefined) {
    fields.note(['base_url'], 'base_url: it is not a URL that can be written to the file');
  }
  for (const key of ['reasoning', 'reasoning_effort']) {
    const effort = fields.take(key);
    if (typeof effort === 'string' && EFFORTS.includes(effort)) found.effort = effort;
    else if (effort !== undefined) fields.note([key], `${key}: only named efforts are supported`);
  }
  fields.leave({}, 'it is not supported');
}

function azureUrl(resource: string | undefined): string | undefined {
  return resource && `https://${resource}.openai.azure.com/openai/v1`;
}

/**
 * Returns the advice about a key. The file does not name a secret for it, because a file that names
 * an unset secret cannot be applied.
 */
export function keyAdvice(what: string, provider: string): string {
  const secret = `${provider.replaceAll('-', '_')}_api_key`;
  return `${what}: keys are not imported; run howdah admin secret set ${secret}, and set secret_name: ${secret} in its models`;
}
