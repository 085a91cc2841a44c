import { mainPart, relatedPart } from './office-package.ts';
import { Paragraphs } from './paragraphs.ts';
import type { TextBuilder } from './text-builder.ts';
import { isOn, walkXml } from './xml.ts';
import type { Zip } from './zip.ts';

/** Deleted text, the second form of a drawing, and properties from before a change. */
const SKIPPED = new Set(['Fallback', 'del', 'moveFrom', 'pPrChange', 'rPrChange']);
const BREAKS = new Map([
  ['br', '\n'],
  ['cr', '\n'],
  ['tab', '\t'],
  ['noBreakHyphen', '-'],
]);
/** The level of a paragraph that is no heading. */
const BODY_LEVEL = 9;

type Style = { base?: string; level?: number | undefined; hasLevel?: true; isHidden?: boolean };
type Styles = ReadonlyMap<string, Style>;

/** Reads a Word file: headings, paragraphs, lists, tables and notes, but no hidden text. */
export function readDocx(zip: Zip, builder: TextBuilder): void {
  const main = mainPart(zip, 'word/document.xml');
  const part = relatedPart(zip, main, 'styles');
  const styles = readStyles(part === undefined ? undefined : zip.read(part));
  const notes = ['footnotes', 'endnotes'].map((type) => relatedPart(zip, main, type));
  for (const path of [main, ...notes]) {
    const bytes = path === undefined ? undefined : zip.read(path);
    if (bytes) readPart(bytes, styles, new Paragraphs(builder));
  }
}

function readPart(bytes: Buffer, styles: Styles, paragraphs: Paragraphs): void {
  let isText = false;
  const hiding = new Hiding(styles);
  /** A tab in these properties is a position, not a character. */
  let isInProperties = false;
  walkXml(
    bytes,
    {
      open(name, { val }) {
        hiding.open(name, val);
        if (name === 'p') paragraphs.open();
        else if (name === 'tbl') paragraphs.openTable();
        else if (name === 'pPr') isInProperties = true;
        else if (name === 't') isText = !hiding.isHidden;
        else if (name === 'numPr') paragraphs.setItem();
        else if (name === 'pStyle') paragraphs.setLevel(levelOfStyle(styles, val));
        else if (name === 'outlineLvl') paragraphs.setLevel(levelOf(val));
        else if (!isInProperties) paragraphs.write(BREAKS.get(name) ?? '');
      },
      text(text) {
        if (isText) paragraphs.write(text);
      },
      close(name) {
        hiding.close(name);
        if (name === 't') isText = false;
        else if (name === 'pPr') isInProperties = false;
        else if (name === 'p') paragraphs.close();
        else if (name === 'tc') paragraphs.closeCell();
        else if (name === 'tr') paragraphs.closeRow();
        else if (name === 'tbl') paragraphs.closeTable();
      },
    },
    SKIPPED,
  );
}

/** Tells which text is hidden, by its run or by the styles of its run and paragraph. */
class Hiding {
  readonly #styles: Styles;
  /** Paragraphs and runs around the text: a run may hold a text box, with runs of its own. */
  readonly #open: { isHidden: boolean | undefined; isParagraph: boolean }[] = [];
  #isInParagraphProperties = false;

  constructor(styles: Styles) {
    this.#styles = styles;
  }

  /** Reads the property of the run, else of its style, else of the style of its paragraph. */
  get isHidden(): boolean {
    const own = this.#open.findLastIndex(({ isParagraph }) => isParagraph);
    const inner = this.#open.slice(Math.max(own, 0));
    return inner.findLast((one) => one.isHidden !== undefined)?.isHidden ?? false;
  }

  open(name: string, val: string | undefined): void {
    const current = this.#open.at(-1);
    if (name === 'p' || name === 'r') {
      this.#open.push({ isHidden: undefined, isParagraph: name === 'p' });
    } else if (name === 'pPr') this.#isInParagraphProperties = true;
    else if (name === 'pStyle' && current) current.isHidden = this.#styleHides(val);
    else if (this.#isInParagraphProperties)
      return; // those of its mark
    else if (name === 'rStyle' && current) current.isHidden ??= this.#styleHides(val);
    else if (name === 'vanish' && current) current.isHidden = isOn(val);
  }

  close(name: string): void {
    if (name === 'p' || name === 'r') this.#open.pop();
    else if (name === 'pPr') this.#isInParagraphProperties = false;
  }

  #styleHides(id: string | undefined): boolean | undefined {
    return inherited(this.#styles, id, (style) => style.isHidden !== undefined)?.isHidden;
  }
}

/** Returns the level of a heading from 1 to 9, or undefined for a paragraph. */
function levelOf(outline: string | undefined): number | undefined {
  const level = Number(outline);
  return Number.isInteger(level) && level >= 0 && level < BODY_LEVEL ? level + 1 : undefined;
}

/** Returns the styles by their ids. Their names differ by language, so their properties decide. */
function readStyles(bytes: Buffer | undefined): Styles {
  const styles = new Map<string, Style>();
  let style: Style = {};
  const setLevel = (level: number | undefined) => {
    style.level = level;
    style.hasLevel = true;
  };
  if (!bytes) return styles;
  walkXml(bytes, {
    open(name, { styleId, val }) {
      if (name === 'style' && styleId !== undefined) {
        style = {};
        styles.set(styleId, style);
      } else if (name === 'basedOn' && val !== undefined) style.base = val;
      else if (name === 'vanish') style.isHidden = isOn(val);
      else if (name === 'outlineLvl') setLevel(levelOf(val));
      else if (name === 'name' && val?.toLowerCase() === 'title') setLevel(1);
      else if (name === 'name' && val !== undefined && /^heading [1-9]$/i.test(val)) {
        setLevel(Number(val.slice(-1)));
      }
    },
  });
  return styles;
}

const levelOfStyle = (styles: Styles, id: string | undefined): number | undefined =>
  inherited(styles, id, ({ hasLevel }) => hasLevel === true)?.level;

/** Returns the style, or the first that it is based on, that fits. Styles may form a loop. */
function inherited(styles: Styles, id: string | undefined, fits: (style: Style) => boolean) {
  let at = styles.get(id ?? '');
  for (let depth = 0; at && !fits(at) && depth < 10; depth += 1) at = styles.get(at.base ?? '');
  return at && fits(at) ? at : undefined;
}
