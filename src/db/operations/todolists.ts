import type { Queryable } from '../connection/pool.ts';

/** A todo list as a document, and the version by which an edit names the state it was made from. */
export type TodoDocument = { content: string; version: string };

/** Returns the todo list of a session. Throws `HWNTF`. */
export async function readTodoDocument(client: Queryable, session: string): Promise<TodoDocument> {
  const { rows } = await client.query<TodoDocument>(
    `select d.content, md5(d.content) as version
     from (select howdah.todolist_markdown($1) as content) as d`,
    [session],
  );
  return rows[0] as TodoDocument;
}

/** Applies an edited list. Throws `HWINV` for a line, and `HWCNF` for an outdated version. */
export async function applyTodoDocument(
  client: Queryable,
  session: string,
  { content, version }: TodoDocument,
): Promise<TodoDocument> {
  const { rows } = await client.query<TodoDocument>(
    `select d.content, md5(d.content) as version
     from (select howdah.apply_todolist($1, $2, $3) as content) as d`,
    [session, content, version],
  );
  return rows[0] as TodoDocument;
}
