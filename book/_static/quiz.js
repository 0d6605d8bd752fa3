// The quizzes of the chapters answer a click or a key. A question is a box with a list of options, and the fold below it
// has a paragraph on each of them that begins with its letter, the right one first. Without this script both stay readable.
addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("article .admonition.question").forEach((question) => {
    const paragraphs = question.nextElementSibling.querySelectorAll(":scope > p:not(.admonition-title)");
    const options = question.querySelectorAll(":scope > ul > li");
    const right = lettersOf(paragraphs[0]);
    const feedback = document.createElement("div");
    feedback.className = "feedback";
    feedback.role = "status"; // a screen reader says aloud what appears in it
    question.append(feedback);
    options.forEach((option) => {
      const letter = lettersOf(option);
      const answer = [...paragraphs].find((paragraph) => lettersOf(paragraph).includes(letter));
      const button = letterAsButton(option, letter);
      option.addEventListener("click", () => {
        options.forEach((other) => choose(other, other === option));
        show(answer, letter === right, feedback);
      });
      button.setAttribute("aria-pressed", "false");
    });
  });
});

// "(a)" of "(a) Faces that are new", "(a) and (c)" of "(a) and (c) stay the same".
function lettersOf(element) {
  return element.textContent.trim().match(/^\([a-z]\)(?: and \([a-z]\))*/)[0];
}

// The whole option can be clicked, and its letter becomes a button, which the Tab key reaches.
function letterAsButton(option, letter) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = letter;
  button.ariaLabel = `Choose ${letter}`;
  const text = document.createTreeWalker(option, NodeFilter.SHOW_TEXT);
  while (!text.nextNode().data.trim()) continue;
  text.currentNode.data = text.currentNode.data.replace(letter, "");
  text.currentNode.before(button);
  return button;
}

function choose(option, isChosen) {
  option.querySelector("button").setAttribute("aria-pressed", isChosen);
}

// The paragraph is shown as it is in the fold, behind the verdict.
function show(answer, isRight, feedback) {
  const verdict = document.createElement("strong");
  verdict.textContent = isRight ? "Right:" : "Not right:";
  const paragraph = answer.cloneNode(true);
  paragraph.prepend(verdict, " ");
  feedback.classList.toggle("right", isRight);
  feedback.replaceChildren(paragraph);
}
