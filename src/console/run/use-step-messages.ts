import { useEffect, useState } from 'react';
import { request } from '../server/graphql.ts';
import { messages as messagesQuery, type RunMessage } from '../server/operations.generated.ts';

/** Messages of one request, and the requests until a message of the step is given up. */
const PAGE = 200;
const MAX_PAGES = 20;

/**
 * Returns the messages that a step added to the conversation. Messages are in the order of steps.
 */
export function useStepMessages(runId: string, stepSeq: number): readonly RunMessage[] {
  const [found, setFound] = useState<readonly RunMessage[]>([]);
  useEffect(() => {
    let isCurrent = true;
    setFound([]);
    findMessages(runId, stepSeq).then(
      (all) => isCurrent && setFound(all),
      () => {}, // the page of messages shows why
    );
    return () => {
      isCurrent = false;
    };
  }, [runId, stepSeq]);
  return found;
}

async function findMessages(id: string, stepSeq: number): Promise<RunMessage[]> {
  let after = 0;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { messages } = await request(messagesQuery, { id, after, first: PAGE });
    const all = messages?.nodes.filter((one) => one !== null) ?? [];
    const own = all.filter((one) => one.stepSeq === stepSeq);
    const last = all.at(-1);
    if (own.length > 0 || all.length < PAGE || (last?.stepSeq ?? 0) > stepSeq) return own;
    after = last?.seq ?? after;
  }
  return [];
}
