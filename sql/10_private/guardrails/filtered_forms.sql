-- Makes the forms of a text in which filters look for their patterns.

-- Lists invisible characters, Default_Ignorable_Code_Point of Unicode: soft hyphens, zero-width
-- spaces and joiners, direction marks, variation selectors, tags.
create or replace function howdah_private.invisible_characters() returns text
  language sql immutable
return U&'[\00AD\034F\061C\115F\1160\17B4\17B5\180B-\180F\200B-\200F\202A-\202E'
  || U&'\2060-\206F\3164\FE00-\FE0F\FEFF\FFA0\FFF0-\FFF8'
  || U&'\+01BCA0-\+01BCA3\+01D173-\+01D17A\+0E0000-\+0E0FFF]';

-- Lists the characters that Unicode sorts behind a letter: those with a combining class, and those
-- that decompose into them.
create or replace function howdah_private.combining_marks() returns text
  language sql immutable
return '[' ||
    U&'\0300-\036F\0483-\0487\0591-\05BD\05BF\05C1-\05C2\05C4-\05C5\05C7\0610-\061A' ||
    U&'\064B-\065F\0670\06D6-\06DC\06DF-\06E4\06E7-\06E8\06EA-\06ED\0711\0730-\074A' ||
    U&'\07EB-\07F3\07FD\0816-\0819\081B-\0823\0825-\0827\0829-\082D\0859-\085B\0897-\089F' ||
    U&'\08CA-\08E1\08E3-\08FF\093C\094D\0951-\0954\09BC\09CD\09FE\0A3C-\0A4D\0ABC\0ACD\0B3C' ||
    U&'\0B4D\0BCD\0C3C\0C4D-\0C56\0CBC\0CCD\0D3B-\0D3C\0D4D\0DCA\0E38-\0E3A\0E48-\0E4B' ||
    U&'\0EB8-\0EBA\0EC8-\0ECB\0F18-\0F19\0F35\0F37\0F39\0F71-\0F84\0F86-\0F87\0FC6\1037-\103A' ||
    U&'\108D\135D-\135F\1714-\1715\1734\17D2\17DD\18A9\1939-\193B\1A17-\1A18\1A60-\1A7F' ||
    U&'\1AB0-\1AEB\1B34-\1B44\1B6B-\1B73\1BAA-\1BAB\1BE6-\1BF3\1C37\1CD0-\1CD2\1CD4-\1CE8' ||
    U&'\1CED\1CF4\1CF8-\1CF9\1DC0-\1DFF\20D0-\20F0\2CEF-\2CF1\2D7F\2DE0-\2DFF\302A-\302F' ||
    U&'\3099-\309A\A66F\A674-\A67D\A69E-\A69F\A6F0-\A6F1\A806\A82C\A8C4\A8E0-\A8F1\A92B-\A92D' ||
    U&'\A953\A9B3-\A9C0\AAB0\AAB2-\AAB4\AAB7-\AAB8\AABE-\AABF\AAC1\AAF6\ABED\FB1E\FE20-\FE2F' ||
    U&'\FF9E-\FF9F\+0101FD\+0102E0\+010376-\+01037A\+010A0D-\+010A0F\+010A38-\+010A3F' ||
    U&'\+010AE5-\+010AE6\+010D24-\+010D27\+010D69-\+010D6D\+010EAB-\+010EAC\+010EFA-\+010EFF' ||
    U&'\+010F46-\+010F50\+010F82-\+010F85\+011046\+011070\+01107F\+0110B9-\+0110BA' ||
    U&'\+011100-\+011102\+011133-\+011134\+011173\+0111C0\+0111CA\+011235-\+011236' ||
    U&'\+0112E9-\+0112EA\+01133B-\+01133C\+01134D\+011366-\+011374\+0113CE-\+0113D0' ||
    U&'\+011442-\+011446\+01145E\+0114C2-\+0114C3\+0115BF-\+0115C0\+01163F\+0116B6-\+0116B7' ||
    U&'\+01172B\+011839-\+01183A\+01193D-\+01193E\+011943\+0119E0\+011A34\+011A47\+011A99' ||
    U&'\+011C3F\+011D42-\+011D45\+011D97\+011F41-\+011F42\+01612F\+016AF0-\+016AF4' ||
    U&'\+016B30-\+016B36\+016FF0-\+016FF1\+01BC9E\+01D165-\+01D169\+01D16D-\+01D172' ||
    U&'\+01D17B-\+01D182\+01D185-\+01D18B\+01D1AA-\+01D1AD\+01D242-\+01D244\+01E000-\+01E02A' ||
    U&'\+01E08F\+01E130-\+01E136\+01E2AE\+01E2EC-\+01E2EF\+01E4EC-\+01E4EF\+01E5EE-\+01E5EF' ||
    U&'\+01E6E3\+01E6E6\+01E6EE-\+01E6EF\+01E6F5\+01E8D0-\+01E8D6\+01E944-\+01E94A' ||
    ']';

-- Keeps the first 30 of consecutive combining marks, as the Stream-Safe Text Format of Unicode
-- (UAX #15) allows. `normalize` sorts the marks in quadratic time, and neither a time-out nor a
-- cancel request interrupts it, so it must never see a long run of them.
create or replace function howdah_private.limit_marks(value text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_marks constant text := howdah_private.combining_marks();
begin
  return regexp_replace(limit_marks.value, '(' || v_marks || '{30})' || v_marks || '+', '\1', 'g');
end $$;

-- Returns a text as a reader sees it: without invisible characters, in compatible forms.
create or replace function howdah_private.visible_text(value text) returns text
  language sql immutable
return normalize(howdah_private.limit_marks(
  regexp_replace(visible_text.value, howdah_private.invisible_characters(), '', 'g')), nfkc);

-- Replaces Cyrillic and Greek letters that look like Latin ones (confusables of Unicode UTS 39) and
-- removes accents. `translate` compares each letter of the text with the whole list, which takes
-- most of the time, so a text without such letters and dashes skips it.
create or replace function howdah_private.latin_lookalikes(value text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_plain constant text := regexp_replace(
    normalize(howdah_private.limit_marks(latin_lookalikes.value), nfkd), U&'[\0300-\036F]+', '',
    'g');
begin
  if v_plain !~ U&'[\0370-\052F\2010-\2014\2212\2044]' then
    return v_plain;
  end if;
  return translate(v_plain,
    -- Cyrillic, Greek, hyphens and dashes
    U&'\0410\0412\0415\0405\0406\0408\041A\041C\041D' ||
    U&'\041E\0420\0421\0422\0423\0425\04AE\050C\051A\051C' ||
    U&'\0430\0501\0435\04BB\0456\0458\04CF\043A\043E' ||
    U&'\0440\0441\051B\0455\0443\0475\051D\0445' ||
    U&'\0391\0392\0395\0396\0397\0399\039A\039C\039D\039F\03A1\03A4\03A5\03A7' ||
    U&'\03B1\03B3\03B9\03BA\03BD\03BF\03C1\03C5\03C7\03F2' ||
    U&'\2010\2011\2012\2013\2014\2212\2044',
    'ABESIJKMHOPCTYXYGQW' || 'adehijlkopcqsyvwx' || 'ABEZHIKMNOPTYX' || 'ayikvopuxc' || '------/');
end $$;
