/**
 * The three forms of a date in HTTP (RFC 9110 section 5.6.7), all in GMT:
 *   Sun, 06 Nov 1994 08:49:37 GMT    Sunday, 06-Nov-94 08:49:37 GMT    Sun Nov  6 08:49:37 1994
 */
const days = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const longDays = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${months.join('|')})`;
const time = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
const forms = [
  new RegExp(`^${days}, (?<day>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^${longDays}, (?<day>\\d\\d)-${month}-(?<shortYear>\\d\\d) ${time} GMT$`),
  new RegExp(`^${days} ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`),
];

/**
 * Milliseconds since 1970; null: none of the forms, or no such day. `now` decides the century of a
 * short year.
 */
export function parseHttpDate(text: string, now: number): number | null {
  for (const form of forms) {
    const groups = form.exec(text)?.groups;
    if (groups !== undefined) return instantOf(groups, now);
  }
  return null;
}

function instantOf(
  groups: Readonly<Record<string, string | undefined>>,
  now: number,
): number | null {
  const number = (name: string): number => Number(groups[name]);
  const year =
    groups['shortYear'] === undefined ? number('year') : fullYear(number('shortYear'), now);
  const monthIndex = months.indexOf(groups['month'] ?? '');
  const [day, hour, minute] = [number('day'), number('hour'), number('minute')];
  // 60 is a leap second, which our clock does not have.
  const second = Math.min(number('second'), 59);
  if (hour > 23 || minute > 59 || number('second') > 60) return null;
  const instant = new Date(0);
  instant.setUTCFullYear(year, monthIndex, day);
  if (instant.getUTCDate() !== day || instant.getUTCMonth() !== monthIndex) return null;
  return instant.setUTCHours(hour, minute, second, 0);
}

/** A year that seems more than 50 years ahead is the latest one in the past with these digits. */
function fullYear(shortYear: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + shortYear;
  return year > thisYear + 50 ? year - 100 : year;
}
