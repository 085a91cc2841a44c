import type { OneProposal } from '../../server/operations.generated.ts';

/** A proposed memory with all that a person needs to decide about it. */
export type ProposalDetail = NonNullable<OneProposal['memory']>;
