import { functionFaults } from './functions.ts';
import { MAX_SHAPE_FAULTS, type ShapeFault, shapeFaults } from './shape.ts';
import { type WellFormed, wellFormed } from './well-formed.ts';

/** Plain data, which can be handed from thread to thread. */
export type CheckedDocument = {
  faults: ShapeFault[];
  /** The parts of the document that have no fault; absent where it has none, or too many. */
  rest?: WellFormed;
};

/** Compares a document with the schema of files, and reads its functions: what needs no database. */
export async function checkDocument(document: unknown): Promise<CheckedDocument> {
  const faults = [...shapeFaults(document), ...(await functionFaults(document))];
  const isPartly = faults.length > 0 && faults.length < MAX_SHAPE_FAULTS;
  return { faults, ...(isPartly && { rest: wellFormed(document, faults) }) };
}
