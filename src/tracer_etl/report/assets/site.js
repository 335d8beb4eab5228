// The language is a radio button that CSS obeys; this keeps it from page to page and opens what is folded for print.
(function () {
  "use strict";
  var root = document.documentElement;
  function wanted() {
    var asked = /[?&]lang=(id|en)\b/.exec(location.search);
    if (asked) { return asked[1]; }
    try { return localStorage.getItem("lang"); } catch (refused) { return null; }
  }
  function say(language) {
    root.lang = language;
    root.classList.toggle("english", language === "en");
    document.title = document.body.getAttribute("data-title-" + language);
    document.querySelectorAll("a[data-page]").forEach(function (link) { link.search = "?lang=" + language; });
    try { localStorage.setItem("lang", language); } catch (refused) { root.dataset.forgets = "yes"; }
  }
  // Before the page is drawn, so that the other language does not flash up.
  root.classList.toggle("english", wanted() === "en");
  addEventListener("DOMContentLoaded", function () {
    var en = document.getElementById("lang-en"), id = document.getElementById("lang-id");
    function chosen() { say(en.checked ? "en" : "id"); }
    (wanted() === "en" ? en : id).checked = true;
    en.addEventListener("change", chosen);
    id.addEventListener("change", chosen);
    chosen();
  });
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (folded) { folded.open = true; });
  });
})();
