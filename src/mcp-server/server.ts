import {
  CLIENT_CAPABILITIES_META_KEY,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { HowdahError } from '../contracts/errors.ts';
import type { JsonObject } from '../json/json.ts';
import { releaseVersion } from '../package-root.ts';
import { type Asking, type CallContext, callTool } from './calls/calls.ts';
import { abilitiesOf } from './calls/client-input.ts';
import { refusing } from './calls/refusals.ts';
import { listTools } from './calls/tools.ts';
import { completed } from './resources/completions.ts';
import { filledPrompt, promptList } from './resources/prompts.ts';
import { listTemplates } from './resources/resource-addresses.ts';
import { listResources, readResource } from './resources/resources.ts';
import type { SessionSubscriptions } from './transport/session-subscriptions.ts';

/** What differs from one transport to the other. */
export type ServerDoor = Omit<CallContext, 'asking' | 'metadata' | 'logLevel'> & {
  /** What the client asked to be told of, where the revision says that in requests of their own and there is a session to keep it for. */
  session?: SessionSubscriptions | undefined;
  /** How the client is asked where the SDK does not know whether it can be. */
  asking?(ctx: ServerContext): Asking;
  /** Of the run that a call begins. */
  metadataOf?(ctx: ServerContext): JsonObject;
};

const INSTRUCTIONS =
  'Each tool is an agent or a workflow of this server: say what you want in `message`, its answer is the result. Runs are resources, howdah://executions/{id}. A result may say that a run waits for a person: ask him, then call answer_question.';

/** What the client says of itself in the request, as the newer revision has it. */
function claimedIn({ mcpReq }: ServerContext): Parameters<typeof abilitiesOf>[0] {
  const envelope = mcpReq.envelope as Readonly<Record<string, object>> | undefined;
  return envelope?.[CLIENT_CAPABILITIES_META_KEY];
}

/** Agents and workflows as tools, files and runs as resources, prompts as prompts: as the caller may use and see them now, and nothing kept between requests. */
export function createMcpServer(door: ServerDoor): Server {
  const { caller } = door;
  const server = new Server(
    { name: 'howdah', title: 'Howdah', version: releaseVersion() },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        prompts: { listChanged: true },
        completions: {},
        logging: {},
      },
      instructions: INSTRUCTIONS,
    },
  );
  const asking = (ctx: ServerContext): Asking => {
    const can = abilitiesOf(claimedIn(ctx) ?? server.getClientCapabilities());
    const isAble = can.forms || can.samples;
    return (isAble ? undefined : door.asking?.(ctx)) ?? { by: 'result', can };
  };
  server.setRequestHandler('tools/list', ({ params }) =>
    refusing(caller, () => listTools(caller, params?.cursor)),
  );
  server.setRequestHandler('tools/call', ({ params }, ctx) =>
    callTool(
      {
        ...door,
        asking: asking(ctx),
        metadata: door.metadataOf?.(ctx) ?? {},
        logLevel: async () => (await door.session?.logLevel()) ?? null,
      },
      params,
      ctx,
    ),
  );
  server.setRequestHandler('resources/list', ({ params }) =>
    refusing(caller, () => listResources(caller, params?.cursor)),
  );
  server.setRequestHandler('resources/templates/list', ({ params }) =>
    refusing(caller, () => listTemplates(caller, params?.cursor)),
  );
  server.setRequestHandler('resources/read', ({ params }) =>
    refusing(caller, () => readResource(caller, params.uri)),
  );
  server.setRequestHandler('prompts/list', ({ params }) =>
    refusing(caller, () => promptList(caller, params?.cursor)),
  );
  server.setRequestHandler('prompts/get', ({ params }) =>
    refusing(caller, () => filledPrompt(caller, params.name, params.arguments)),
  );
  server.setRequestHandler('completion/complete', ({ params }) =>
    refusing(caller, () => completed(caller, params)),
  );
  hearWishes(server, door);
  return server;
}

/** What the client wants to be told of, as older revisions ask for it. */
function hearWishes(server: Server, { caller, session }: ServerDoor): void {
  const wish = (of: (session: SessionSubscriptions) => Promise<void>) =>
    refusing(caller, async () => {
      if (!session) throw sessionless();
      await of(session);
      return {};
    });
  server.setRequestHandler('logging/setLevel', ({ params }) =>
    wish((kept) => kept.setLogLevel(params.level)),
  );
  server.setRequestHandler('resources/subscribe', ({ params }) =>
    wish((kept) => kept.subscribe(params.uri)),
  );
  server.setRequestHandler('resources/unsubscribe', ({ params }) =>
    wish((kept) => kept.unsubscribe(params.uri)),
  );
}

function sessionless(): HowdahError {
  return new HowdahError('HWINV', 'nothing is kept for a client without a session', {
    hint: 'Send the Mcp-Session-Id that initialize has given.',
  });
}
