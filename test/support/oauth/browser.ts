/** A client that follows redirects and stores cookies by origin. */
export type Browser = {
  /**
   * Opens a page and follows redirects. Stops before a URL that starts with `until`, and returns
   * that URL.
   */
  open(url: string, until?: string): Promise<{ status: number; url: string; html: string }>;
};

const MAX_REDIRECTS = 15;

export function createBrowser(): Browser {
  const cookies = new Map<string, Map<string, string>>();
  return {
    async open(first, until) {
      let url = first;
      for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
        if (until !== undefined && url.startsWith(until)) return { status: 0, url, html: '' };
        const { origin } = new URL(url);
        const own = cookies.get(origin) ?? new Map<string, string>();
        cookies.set(origin, own);
        const cookie = [...own].map(([name, value]) => `${name}=${value}`).join('; ');
        const response = await fetch(url, {
          redirect: 'manual',
          headers: { accept: 'text/html', ...(cookie && { cookie }) },
        });
        for (const line of response.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (value === '') own.delete(name);
          else own.set(name, value);
        }
        const location = response.headers.get('location');
        const html = await response.text();
        if (!location) return { status: response.status, url, html };
        url = new URL(location, url).href;
      }
      throw new Error(`too many redirects from ${first}`);
    },
  };
}

/** Returns the URL of the button on the page of a connection link. */
export function continueUrlIn(html: string): string {
  const [, href = ''] = /class="button" href="([^"]+)"/.exec(html) ?? [];
  return href.replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
}

/** Opens a connection link, consents, and returns the page of the callback. */
export async function consent(link: string, browser = createBrowser()) {
  const { html } = await browser.open(link);
  return browser.open(continueUrlIn(html));
}
