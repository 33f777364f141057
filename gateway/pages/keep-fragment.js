// Keeps the fragment of the page that was asked for, which no server is sent, over the choice of a
// provider.  Without this script the person comes back to the page without it.
"use strict";
{
  const fragment = window.location.hash;
  const keep = (page) => {
    const whole = page + fragment;
    // What the gateway would not take as a way back is left as it is.
    return page.includes("#") || whole.length > 4000 || /[^!-[\]-~]/.test(fragment) ? page : whole;
  };
  if (fragment.length > 1) {
    for (const link of document.querySelectorAll('a[href*="return_to="]')) {
      const url = new URL(link.href);
      url.searchParams.set("return_to", keep(url.searchParams.get("return_to")));
      link.href = url.href;
    }
    for (const input of document.querySelectorAll('input[name="return_to"]')) {
      input.value = keep(input.value);
    }
  }
}
