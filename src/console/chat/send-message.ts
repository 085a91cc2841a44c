import { request } from '../server/graphql.ts';
import { askAgent, askWorkflow } from '../server/operations.generated.ts';
import type { Subject } from './agent-choice.tsx';
import { storeFiles } from './attachments.ts';

export type NewMessage = {
  /** The id of the session. */
  session: string;
  subject: Subject;
  content: string;
  files: readonly File[];
  /** The tools that may be used. Undefined for all. */
  allowed: readonly string[] | undefined;
  /** A message that is sent again with the same key counts once. */
  key: string;
};

/** Stores the files of a message and sends it. Throws a `Failure`. */
export async function sendMessage(message: NewMessage): Promise<void> {
  const { session, subject, content, files, allowed, key } = message;
  const shared = { input: content, sessionId: session, idempotencyKey: key };
  // an agent may have the name of a workflow; a workflow takes no files
  if (subject.kind === 'workflow' && files.length === 0) {
    await request(askWorkflow, { workflow: subject.name, ...shared });
    return;
  }
  const parts = files.length > 0 ? await storeFiles(session, files) : undefined;
  await request(askAgent, {
    agent: subject.name,
    ...shared,
    ...(parts && { inputParts: parts }),
    ...(allowed && { overrides: { allowed_tools: [...allowed] } }),
  });
}
