import { mainPart, relatedPart } from './office-package.ts';
import { Paragraphs } from './paragraphs.ts';
import type { TextBuilder } from './text-builder.ts';
import { type Attributes, walkXml } from './xml.ts';
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

type Levels = ReadonlyMap<string, number | undefined>;

/** Reads a Word file: headings, paragraphs, lists, tables and notes, but no hidden text. */
export function readDocx(zip: Zip, builder: TextBuilder): void {
  const main = mainPart(zip, 'word/document.xml');
  const styles = relatedPart(zip, main, 'styles');
  const levels = levelsOfStyles(styles === undefined ? undefined : zip.read(styles));
  const notes = ['footnotes', 'endnotes'].map((type) => relatedPart(zip, main, type));
  for (const part of [main, ...notes]) {
    const bytes = part === undefined ? undefined : zip.read(part);
    if (bytes) readPart(bytes, levels, new Paragraphs(builder));
  }
}

function readPart(bytes: Buffer, levels: Levels, paragraphs: Paragraphs): void {
  let isText = false;
  let isHidden = false;
  /** A tab in these properties is a position, not a character. */
  let isInProperties = false;
  walkXml(
    bytes,
    {
      open(name, attributes) {
        if (name === 'p') paragraphs.open();
        else if (name === 'tbl') paragraphs.openTable();
        else if (name === 'pPr') isInProperties = true;
        else if (name === 'r') isHidden = false;
        else if (name === 'vanish') isHidden = isOn(attributes);
        else if (name === 't') isText = !isHidden;
        else if (name === 'numPr') paragraphs.setItem();
        else if (name === 'pStyle') paragraphs.setLevel(levels.get(attributes.val ?? ''));
        else if (name === 'outlineLvl') paragraphs.setLevel(levelOf(attributes.val));
        else if (!isInProperties) paragraphs.write(BREAKS.get(name) ?? '');
      },
      text(text) {
        if (isText) paragraphs.write(text);
      },
      close(name) {
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

const isOn = ({ val }: Attributes) => val === undefined || !['0', 'false', 'off'].includes(val);

/** Returns the level of a heading from 1 to 9, or undefined for a paragraph. */
function levelOf(outline: string | undefined): number | undefined {
  const level = Number(outline);
  return Number.isInteger(level) && level >= 0 && level < BODY_LEVEL ? level + 1 : undefined;
}

type Style = { base?: string; level?: number | undefined; isSet: boolean };

/** Returns the level of each style. Its names differ by language, so its properties decide. */
function levelsOfStyles(bytes: Buffer | undefined): Levels {
  const styles = new Map<string, Style>();
  let style: Style = { isSet: false };
  const setLevel = (level: number | undefined) => {
    style.level = level;
    style.isSet = true;
  };
  if (!bytes) return new Map();
  walkXml(bytes, {
    open(name, { styleId, val = '' }) {
      if (name === 'style' && styleId !== undefined) {
        style = { isSet: false };
        styles.set(styleId, style);
      } else if (name === 'basedOn') style.base = val;
      else if (name === 'outlineLvl') setLevel(levelOf(val));
      else if (name === 'name' && val.toLowerCase() === 'title') setLevel(1);
      else if (name === 'name' && /^heading [1-9]$/i.test(val)) setLevel(Number(val.slice(-1)));
    },
  });
  return new Map([...styles].map(([id, one]) => [id, inheritedLevel(styles, one)]));
}

/** Returns the level of a style, or of the styles that it is based on. Styles may form a loop. */
function inheritedLevel(styles: ReadonlyMap<string, Style>, style: Style): number | undefined {
  let at: Style | undefined = style;
  for (let depth = 0; at && !at.isSet && depth < 10; depth += 1) at = styles.get(at.base ?? '');
  return at?.level;
}
