import { functionFaults } from './functions.ts';
import { type SalvagedDocument, salvageEntries } from './salvage-entries.ts';
import { MAX_SHAPE_FAULTS, type ShapeFault, shapeFaults } from './schema-errors.ts';

/** The result of a check. It is plain data, so that threads can exchange it. */
export type CheckedDocument = {
  faults: ShapeFault[];
  /** The valid parts of the document; absent when there are none or too many faults. */
  rest?: SalvagedDocument;
};

/** Compares a document with the schema of files and parses its functions, without a database. */
export async function checkDocument(document: unknown): Promise<CheckedDocument> {
  const faults = [...shapeFaults(document), ...(await functionFaults(document))];
  const isPartly = faults.length > 0 && faults.length < MAX_SHAPE_FAULTS;
  return { faults, ...(isPartly && { rest: salvageEntries(document, faults) }) };
}
