// Every browser test, in one process that shares one Chromium.
import './chat.mjs';
import './branches.mjs';
import './conversations.mjs';
import './markdown.mjs';
import './safety.mjs';
import './settings.mjs';
import './files.mjs';
import './failures.mjs';
import './keyboard.mjs';
import './long.mjs';
import './real.mjs';
