import type { Page } from 'playwright-core';

const UUID = /^\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$/;

/**
 * Returns the texts of cells that the screen leaves out. Only what a list marks as hidden may be
 * missing, such as the number of steps of a run.
 */
export async function hiddenCells(page: Page): Promise<string[]> {
  return page
    .locator('main td:not([data-place=hidden])')
    .evaluateAll((cells) =>
      (cells as unknown as { offsetWidth: number; textContent: string }[])
        .filter(({ offsetWidth, textContent }) => offsetWidth === 0 && textContent !== '')
        .map(({ textContent }) => textContent.slice(0, 60)),
    );
}

/** Returns the ids that stand where people expect a name: in cells of lists and inputs of forms. */
export async function bareIds(page: Page): Promise<string[]> {
  const cells = await page.locator('main td').allInnerTexts();
  const inputs = await page
    .locator('main input:not([type=hidden])')
    .evaluateAll((fields) => (fields as unknown as { value: string }[]).map(({ value }) => value));
  return [...cells, ...inputs].filter((text) => UUID.test(text)).map((text) => text.slice(0, 60));
}
