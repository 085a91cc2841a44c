import '../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { GraphQLError } from 'postgraphile/graphql';

/** The topic of a subscription, and the settings of its caller. */
export type FeedTopic = {
  id: string;
  /** The seq of a step, or a place in a session. */
  after?: number | string | null;
  withPgClient: WithPgClient;
  pgSettings: Record<string, string>;
};

/** Returns the id as the database writes it. Throws if the caller may not see the run. */
export async function visibleId({ id, withPgClient, pgSettings }: FeedTopic): Promise<string> {
  const { rows } = await withPgClient(pgSettings, (client) =>
    client.query<{ id: string }>({
      text: 'select e.id::uuid::text as id from howdah.executions as e where e.id = $1::uuid',
      values: [id],
    }),
  );
  const [found] = rows;
  if (found) return found.id;
  throw noExecution(id);
}

export function noExecution(id: string): GraphQLError {
  return new GraphQLError(`there is no execution ${id}`, {
    extensions: {
      code: 'HWNTF',
      hint: 'List the runs that you may see: { executions(first: 10, orderBy: ID_DESC) { nodes { id status } } }',
      detail: { execution_id: id },
    },
  });
}

/** Returns the id as the database writes it. Throws if the caller may not see the session. */
export async function visibleSession({ id, withPgClient, pgSettings }: FeedTopic): Promise<string> {
  const { rows } = await withPgClient(pgSettings, (client) =>
    client.query<{ id: string }>({
      text: 'select s.id::text as id from howdah.sessions as s where s.id = $1::uuid',
      values: [id],
    }),
  );
  const [found] = rows;
  if (found) return found.id;
  throw noSession(id);
}

export function noSession(id: string): GraphQLError {
  return new GraphQLError(`there is no session ${id}`, {
    extensions: {
      code: 'HWNTF',
      hint: 'List the sessions that you may see: { sessions(first: 10) { nodes { id title } } }',
      detail: { session_id: id },
    },
  });
}
