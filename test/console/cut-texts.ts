import type { Page } from 'playwright-core';

/**
 * Returns the texts of the page that end where they cannot be read: behind the edge of the window,
 * or of an element that hides what is too wide without an ellipsis. What can be scrolled sideways
 * can be read.
 */
export async function cutTexts(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(${findCutTexts.toString()})()`);
}

// Runs in the browser, so it uses nothing of this file.
function findCutTexts(): string[] {
  // biome-ignore lint/suspicious/noExplicitAny: the tests have no types of the browser
  const { document, getComputedStyle, innerWidth, NodeFilter } = globalThis as any;
  const isCut = (text: { parentElement: unknown }, right: number): boolean => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    for (let one = text.parentElement as any; one; one = one.parentElement) {
      const { overflowX, textOverflow, position } = getComputedStyle(one);
      if (overflowX === 'auto' || overflowX === 'scroll') return false;
      if (overflowX !== 'visible' && textOverflow === 'ellipsis') return false;
      const { right: edge, width } = one.getBoundingClientRect();
      if (width === 1 && position === 'absolute') return false; // only readers of a screen get it
      if (overflowX !== 'visible' && right > edge + 1) return true;
      if (position === 'fixed') return false;
    }
    return right > innerWidth + 1;
  };
  const found: string[] = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    const range = document.createRange();
    range.selectNodeContents(node);
    const { right, width } = range.getBoundingClientRect();
    if (width > 0 && node.data.trim() && isCut(node, right)) found.push(node.data.slice(0, 60));
  }
  return found;
}
