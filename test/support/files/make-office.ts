import { makeZip } from './make-zip.ts';

const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';

const relationships = (all: readonly (readonly [id: string, type: string, target: string])[]) =>
  `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${all
    .map(
      ([id, type, target]) =>
        `<Relationship Id="${id}" Type="${RELATIONS}/${type}" Target="${target}"/>`,
    )
    .join('')}</Relationships>`;

const root = (target: string) => ({
  '_rels/.rels': relationships([['rId1', 'officeDocument', target]]),
});

const STYLES = `<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Eigene"><w:name w:val="Eigene"/><w:basedOn w:val="berschrift1"/></w:style></w:styles>`;

/** Returns a Word file with this XML in its body, and these parts besides. */
export const makeDocx = (body: string, more: Record<string, string | Buffer> = {}) =>
  makeZip({
    ...root('word/document.xml'),
    'word/document.xml': `<?xml version="1.0"?><w:document xmlns:w="w"><w:body>${body}</w:body></w:document>`,
    'word/styles.xml': STYLES,
    'word/_rels/document.xml.rels': relationships([
      ['rId1', 'styles', 'styles.xml'],
      ['rId2', 'footnotes', 'footnotes.xml'],
    ]),
    ...more,
  });

/** Returns the XML of a paragraph of Word, in a style. */
export const paragraph = (text: string, style?: string) =>
  `<w:p>${style ? `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>` : ''}<w:r><w:t>${text}</w:t></w:r></w:p>`;

/** Returns a PowerPoint file with this XML on each slide, in this order. */
export function makePptx(slides: readonly string[], notes: Record<number, string> = {}): Buffer {
  // the files of the slides have another order than the slides
  const fileOf = (index: number) => `slide${slides.length - index}.xml`;
  const ids = slides.map((_slide, index) => `<p:sldId id="${256 + index}" r:id="s${index}"/>`);
  return makeZip({
    ...root('ppt/presentation.xml'),
    'ppt/presentation.xml': `<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst>${ids.join('')}</p:sldIdLst></p:presentation>`,
    'ppt/_rels/presentation.xml.rels': relationships(
      slides.map((_slide, index) => [`s${index}`, 'slide', `slides/${fileOf(index)}`]),
    ),
    ...Object.fromEntries(
      slides.flatMap((slide, index) => [
        [`ppt/slides/${fileOf(index)}`, `<p:sld xmlns:p="p" xmlns:a="a">${slide}</p:sld>`],
        ...(notes[index] === undefined
          ? []
          : [
              [
                `ppt/slides/_rels/${fileOf(index)}.rels`,
                relationships([['n1', 'notesSlide', `../notesSlides/notes${index}.xml`]]),
              ],
              [`ppt/notesSlides/notes${index}.xml`, `<p:notes>${notes[index]}</p:notes>`],
            ]),
      ]),
    ),
  });
}

/** Returns the XML of a shape of PowerPoint with paragraphs. */
export const shape = (place: string, ...texts: string[]) =>
  `<p:sp><p:nvSpPr><p:nvPr><p:ph type="${place}"/></p:nvPr></p:nvSpPr><p:txBody>${texts
    .map((text) => `<a:p><a:r><a:t>${text}</a:t></a:r></a:p>`)
    .join('')}</p:txBody></p:sp>`;

/** Returns an Excel file with the XML of the rows of each sheet, and shared strings. */
export function makeXlsx(
  sheets: Readonly<Record<string, string>>,
  strings: readonly string[] = [],
  state: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, string>> = {},
): Buffer {
  const names = Object.keys(sheets);
  const list = names.map((name, index) => {
    const hidden = state[name] ? ` state="${state[name]}"` : '';
    return `<sheet name="${name}" sheetId="${index + 1}" r:id="s${index}"${hidden}/>`;
  });
  return makeZip({
    ...root('/xl/workbook.xml'),
    'xl/workbook.xml': `<workbook xmlns:r="r"><sheets>${list.join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relationships([
      ['strings', 'sharedStrings', 'sharedStrings.xml'],
      ['styles', 'styles', 'styles.xml'],
      ...names.map((_n, index) => [`s${index}`, 'worksheet', `worksheets/s${index}.xml`] as const),
    ]),
    'xl/sharedStrings.xml': `<sst>${strings.map((text) => `<si><t>${text}</t></si>`).join('')}</sst>`,
    'xl/styles.xml': `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd.mm.yyyy"/></numFmts>
      <cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>`,
    ...Object.fromEntries(
      names.map((name, index) => [
        `xl/worksheets/s${index}.xml`,
        `<worksheet><sheetData>${sheets[name]}</sheetData></worksheet>`,
      ]),
    ),
    ...more,
  });
}

/** Returns a file of OpenDocument of this kind with this XML in its body. */
export const makeOpenDocument = (
  kind: 'text' | 'presentation' | 'spreadsheet',
  body: string,
  more: Record<string, string | Buffer> = {},
) =>
  makeZip({
    mimetype: `application/vnd.oasis.opendocument.${kind}`,
    'content.xml': `<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="ta" xmlns:draw="d" xmlns:presentation="p"><office:body><office:${kind}>${body}</office:${kind}></office:body></office:document-content>`,
    ...more,
  });
