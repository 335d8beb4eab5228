// The language is a radio button that CSS obeys; this keeps it from page to page and opens what is folded for print.
(function () {
  "use strict";
  var root = document.documentElement, en = document.getElementById("lang-en"), id = document.getElementById("lang-id");
  function wanted() {
    var asked = /[?&]lang=(id|en)\b/.exec(location.search);
    if (asked) { return asked[1]; }
    try { return localStorage.getItem("lang"); } catch (refused) { return null; }
  }
  function say() {
    var language = en.checked ? "en" : "id";
    root.lang = language;
    root.classList.toggle("english", en.checked);
    document.title = document.body.getAttribute("data-title-" + language);
    document.querySelectorAll("a[data-page]").forEach(function (link) { link.search = "?lang=" + language; });
    try { localStorage.setItem("lang", language); } catch (refused) { root.dataset.forgets = "yes"; }
  }
  if (wanted() === "en") { en.checked = true; }
  en.addEventListener("change", say);
  id.addEventListener("change", say);
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (folded) { folded.open = true; });
  });
  say();
})();
