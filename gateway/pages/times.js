// Shows times in the visitor's zone and language, and countries by name.  Without this script times
// are in UTC, and countries are two letters.
"use strict";
{
  const language = document.documentElement.lang;
  // The page is in English, say; the browser knows whether it is the one of London or New York.
  const region = navigator.languages.find((it) => it.split("-")[0] === language);
  const written = new Intl.DateTimeFormat(region || language, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.title = time.textContent;
      time.textContent = written.format(at);
    }
  }
  const countries = new Intl.DisplayNames(region || language, { type: "region" });
  for (const country of document.querySelectorAll("data[value]")) {
    country.textContent = countries.of(country.value);
  }
}
