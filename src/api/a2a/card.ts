import type { Queryable } from '../../db/connection/pool.ts';

/** An agent or workflow as howdah_private.agent_card describes it. */
type AgentCardRow = {
  name: string;
  description: string;
  capabilities: string[];
  skills: { name: string; description: string }[];
  version: number;
  is_structured: boolean;
};

/**
 * Returns the agent or workflow of a name, or without a name the current agent. Returns undefined
 * if the caller sees none.
 */
export async function findAgentCard(
  db: Queryable,
  name?: string,
): Promise<AgentCardRow | undefined> {
  const { rows } = await db.query<{ card: AgentCardRow | null }>(
    'select howdah_private.agent_card($1) as card',
    [name ?? null],
  );
  return rows[0]?.card ?? undefined;
}

/**
 * Returns the card of an agent in the form of A2A 1.0. A client that does not announce 1.0 also
 * gets the fields of 0.3, which describe a login in another way.
 */
export function cardOf(
  { name, description, capabilities, skills, version, is_structured }: AgentCardRow,
  { base, isLocked, isNew }: { base: string; isLocked: boolean; isNew: boolean },
): object {
  const url = `${base}/a2a/${encodeURIComponent(name)}`;
  const about = description === '' ? name : description;
  const tags = capabilities.length > 0 ? capabilities : ['agent'];
  const bearer = isNew
    ? { httpAuthSecurityScheme: { scheme: 'Bearer' } }
    : { type: 'http', scheme: 'bearer' };
  return {
    name,
    description: about,
    version: String(version),
    supportedInterfaces: ['1.0', '0.3'].map((protocolVersion) => ({
      url,
      protocolBinding: 'JSONRPC',
      protocolVersion,
    })),
    ...(!isNew && { url, preferredTransport: 'JSONRPC', protocolVersion: '0.3.0' }),
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false },
    defaultInputModes: ['text/plain', 'application/json', 'image/*', 'application/octet-stream'],
    defaultOutputModes: is_structured ? ['application/json', 'text/plain'] : ['text/plain'],
    skills: [
      { id: name, name, description: about, tags },
      ...skills.map((skill) => ({ id: `${name}/${skill.name}`, ...skill, tags: ['skill'] })),
    ],
    ...(isLocked && {
      securitySchemes: { bearer },
      securityRequirements: [{ schemes: { bearer: { list: [] } } }],
      ...(!isNew && { security: [{ bearer: [] }] }),
    }),
  };
}
