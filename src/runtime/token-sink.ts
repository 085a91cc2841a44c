import type { TokenPiece } from '../contracts/step.ts';

/** Where the texts of an answer go as it streams: each piece says how much stands before it. */
export function tokenSink(
  stream: (piece: TokenPiece) => void,
  place: Pick<TokenPiece, 'execution_id' | 'seq' | 'attempt'>,
): (text: string) => void {
  let offset = 0;
  return (text) => {
    stream({ ...place, offset, text });
    offset += text.length;
  };
}
