import { createContext, type ReactNode, useContext } from 'react';
import { useRoute } from 'wouter';
import { messages } from '../../messages/messages.ts';
import type { Failure } from '../failure.ts';
import { proposingAgents } from '../operations.generated.ts';
import { useRest } from '../rest.ts';
import { useAnswer } from '../use-answer.ts';
import { usePolling } from '../use-polling.ts';

/** The number of proposals that are shown. More are counted as this many. */
const MAX_PROPOSALS = 100;
/** The longest time between two readings of proposals in the inbox, and on other pages. */
const INBOX_MS = 30_000;
const ELSEWHERE_MS = 120_000;
const PATH = `/api/memories?proposal_status=open&limit=${MAX_PROPOSALS}`;

/** A memory of an agent that waits for a decision, as REST lists it. */
type ProposedRow = {
  id: string;
  subject_id: string;
  kind: string;
  content: string;
  proposed_at: string;
};

/** A proposed memory in a list, with the name of its agent. */
export type ProposalLine = {
  id: string;
  kind: string;
  content: string;
  proposedAt: string;
  agent: string;
};

type OpenProposals = {
  proposals: readonly ProposalLine[];
  isLoading: boolean;
  failure: Failure | undefined;
  reload(): void;
};

const Context = createContext<OpenProposals>({
  proposals: [],
  isLoading: true,
  failure: undefined,
  reload: () => undefined,
});

/**
 * Knows the open proposals for the whole console, as `OpenQuestionsProvider` knows the questions.
 * No subscription follows memories, so they are read again and again: soon after the inbox is
 * opened or they change, else ever more rarely.
 */
export function OpenProposalsProvider({ children }: { children: ReactNode }) {
  const { data, failure, isLoading, reload } = useRest<{ data: ProposedRow[] }>(PATH);
  const [isInbox] = useRoute('/inbox/*?');
  const rows = data?.body.data ?? [];
  const agents = useAgentNames(rows.map(({ subject_id }) => subject_id));
  const lastMs = isInbox ? INBOX_MS : ELSEWHERE_MS;
  usePolling(reload, `${isInbox} ${rows.map(({ id }) => id)}`, { lastMs });
  const proposals = rows.map(({ subject_id, proposed_at, ...row }) => ({
    ...row,
    proposedAt: proposed_at,
    agent: agents.get(subject_id) ?? messages.common.none,
  }));
  return (
    <Context.Provider value={{ proposals, failure, isLoading, reload }}>
      {children}
    </Context.Provider>
  );
}

/** Reads the names of agents, again when there are others. */
function useAgentNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const distinct = [...new Set(ids)].sort();
  const { data } = useAnswer(proposingAgents, distinct.length > 0 ? { ids: distinct } : undefined);
  const nodes = data?.agents?.nodes ?? [];
  return new Map(nodes.flatMap((one) => (one ? [[one.id, one.name]] : [])));
}

/** Returns the open proposals. */
export function useOpenProposals(): OpenProposals {
  return useContext(Context);
}
