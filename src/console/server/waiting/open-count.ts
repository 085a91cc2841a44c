import { useOpenProposals } from './open-proposals.tsx';
import { useOpenQuestions } from './open-questions.tsx';

/** Returns the number of entries of the inbox: open questions and open proposals. */
export function useOpenCount(): number {
  return useOpenQuestions().questions.length + useOpenProposals().proposals.length;
}
