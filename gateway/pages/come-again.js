// Loads the page of a starting app again, with its fragment.  Browsers without scripts do so by the
// Refresh field, a little later and without the fragment.
"use strict";
setTimeout(() => window.location.reload(), 1000);
