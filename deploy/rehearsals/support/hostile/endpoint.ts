import type { Json } from '../../../../src/json/json.ts';
import type { BodyTemplate, HostileBody } from './bodies.ts';

/** Status of an answer: that of HTTP, or the close code of a WebSocket. */
export type Answer = { status: number };

/** One way for a body to enter the server. */
export type Endpoint = {
  name: string;
  /** Bodies that the server accepts: hostile ones are made from them. */
  templates: readonly BodyTemplate[];
  /** True where bodies are YAML: `templates` is empty then. */
  isYaml?: boolean;
  /** Hostile bodies of this endpoint alone, beside those made from the templates. */
  ownBodies?: readonly HostileBody[];
  send(text: string, token: string): Promise<Answer>;
};

/** An agent, and the id of one row of each kind, for the path or body of a request. */
export type Fixtures = { agent: string; ids: Readonly<Record<string, string>> };

/** Placeholder in a body for a name that no row has yet. */
export const UNIQUE_NAME = '@unique';
/** Id of no row. */
export const UNKNOWN_ID = '01900000-0000-7000-8000-000000000000';
export const ANSWER_TIMEOUT_MS = 120_000;

let uniqueNames = 0;

/** Template of one body, all of whose parts are replaced by hostile ones. */
export const wholeBody = (body: Json): BodyTemplate[] => [{ body, path: [] }];

type HttpOptions = Omit<Endpoint, 'send' | 'name'> & {
  method?: string;
  path: string;
  type?: string;
  name?: string;
};

/** Creates an endpoint that takes its bodies by HTTP. */
export function httpEndpoint(
  url: string,
  { method = 'POST', path, type = 'application/json', ...more }: HttpOptions,
): Endpoint {
  const accept = path === '/mcp' ? 'application/json, text/event-stream' : '*/*';
  return {
    name: `${method} ${path}`,
    ...more,
    async send(text, token) {
      uniqueNames += 1;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': type, accept },
        body: text.replace(UNIQUE_NAME, `x${uniqueNames}`),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      // a stream lasts as long as its run: its first bytes are the answer
      if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
        await response.body?.cancel();
      } else {
        await response.arrayBuffer();
      }
      return { status: response.status };
    },
  };
}
