// Shows times in the visitor's zone and language.  Without this script they are in UTC.
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
}
