/**
 * Removes these characters from the end of a text. A regular expression such as `/=+$/` would
 * search for the end again from each of them.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
