declare module 'markdown-it' {
  /** The parts of a token that the console reads. */
  export type Token = {
    type: string;
    tag: string;
    /** 1 opens an element, -1 closes it, 0 is neither. */
    nesting: -1 | 0 | 1;
    /** The number of blocks around it. */
    level: number;
    hidden: boolean;
    content: string;
    attrs: [string, string | number][] | null;
    children: Token[] | null;
  };

  // biome-ignore lint/style/noDefaultExport: as the package exports it
  export default class MarkdownIt {
    constructor(options?: { html?: boolean; linkify?: boolean; breaks?: boolean });
    disable(rules: readonly string[]): this;
    parse(text: string, environment: object): Token[];
    render(text: string): string;
  }
}
