import { z } from 'zod';
import { VENDORS } from './vendors.ts';

/** A model server on this machine that answers, and a model that it has. */
export type LocalServer = Readonly<{ name: string; url: string; model: string | undefined }>;

/** A server that may run on this machine, with the address where it speaks OpenAI's format. */
export type LocalServerCandidate = Readonly<{ name: string; openAiUrl?: string }>;

/** The time for an answer of a server on this machine. Nobody waits longer for an offer. */
const TIMEOUT_MS = 300;

const modelList = z.object({
  data: z.array(z.object({ id: z.string(), owned_by: z.string().optional() })).nullable(),
});

/**
 * Finds Ollama, llama.cpp and LM Studio on their usual ports of this machine. All are asked at the
 * same time. Another program that uses such a port gives another answer, and is left out.
 */
export async function findLocalServers(
  candidates: readonly LocalServerCandidate[] = VENDORS.filter(({ isLocal }) => isLocal),
): Promise<LocalServer[]> {
  const found = await Promise.all(candidates.map(fetchModelList));
  return found.filter((server) => server !== undefined);
}

async function fetchModelList({
  name,
  openAiUrl: url,
}: LocalServerCandidate): Promise<LocalServer | undefined> {
  if (url === undefined) return undefined;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${url}/models`, { signal, redirect: 'error' });
    const list = modelList.safeParse(await response.json());
    if (!response.ok || !list.success) return undefined;
    const models = list.data.data ?? [];
    if (models.some((model) => model.owned_by === 'howdah')) return undefined; // agents of Howdah
    return { name, url, model: models.map(({ id }) => id).find(isSafeInCommand) };
  } catch {
    return undefined; // nobody listens, or it is no model server
  }
}

/** Returns whether a name may be part of a command that a user copies. */
function isSafeInCommand(id: string): boolean {
  return /^[\w.:/@-]{1,200}$/.test(id);
}
