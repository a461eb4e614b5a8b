// English word problems.
#include "data/synth/story.h"

namespace jaju::data {

namespace {

using enum Shape;

#define LEFT                                                                                    \
  "[How many {o} are left?|How many are left?|How many {o} are left now?|How many {o} remain?|" \
  "How many {o} are there now?]"
#define SHE_LEFT                                                                              \
  "[How many {o} does {n} have left?|How many {o} are left?|How many {o} does {n} have now?|" \
  "How many does {n} still have?|How many {o} remain?]"
#define SHE_NOW                                                                                     \
  "[How many {o} does {n} have now?|How many {o} does {n} have in all?|How many {o} does {n} have " \
  "altogether?|"                                                                                    \
  "How many is that in total?]"
#define NOW "[How many {o} are there now?|How many {o} are there in all?|How many are there altogether?]"
#define ALL                                                                                                \
  "[How many {o} are there in all?|How many {o} are there altogether?|How many {o} is that?|How many {o} " \
  "in total?]"

constexpr Story kGiveTake[] = {
    // Fewer.
    {sub, "fS", "I have {A} and eat {b}. How many [{o} |][are left|do I have left|remain]?",
     "Start with {a}, ate {b}."},
    {sub, "fS", "If I eat {b} of {a} {o}, how many [{o} |][are left|remain|do I have left]?",
     "Start with {a}, ate {b}."},
    {sub, "ftwS", "{A} minus {b}: how many [{o} |]are left?", "Start with {a}, took {b}."},
    {sub, "fS", "{n} has {A}.~ {n} eats {b}[ of them|]. " SHE_LEFT, "Start with {a}, ate {b}."},
    {sub, "fS", "{n} had {A} and ate {b}[ of them|].~ " SHE_LEFT, "Start with {a}, ate {b}."},
    {sub, "fS",
     "If [you have|I have|there are] {A} and [you|I|we] eat {b}, how many [{o} |][are left|remain|do I have "
     "left]?",
     "Start with {a}, ate {b}."},
    {sub, "fS", "There are {A} on the [table|plate|counter].~ {n} eats {b}. " LEFT,
     "Start with {a}, ate {b}."},
    {sub, "fS", "{A}, {b} eaten[: how many left?|. How many are left?|, how many remain?]",
     "Start with {a}, ate {b}."},
    {sub, "fS", "What is left of {A} after eating {b}[ of them|]?", "Start with {a}, ate {b}."},
    {sub, "ftwS", "{n} has {A} and gives {b} to {n2}.~ " SHE_LEFT, "Start with {a}, gave {b}."},
    {sub, "ftw", "{n} had {A}.~ {n} gave {b} of them to [a friend|{n2}|the neighbors|the class]. " SHE_LEFT,
     "Start with {a}, gave {b}."},
    {sub, "ftw", "After giving {b} of {a} {o} to {n2}, how many {o} does {n} have[ left|]?",
     "Start with {a}, gave {b}."},
    {sub, "t", "{n} had {A} but lost {b}.~ " SHE_LEFT, "Start with {a}, lost {b}."},
    {sub, "ftwB", "A [shop|store|market stall] had {A}.~ It sold {b} [today|this morning|in one day]. " LEFT,
     "Start with {a}, sold {b}."},
    {sub, "ftwB", "A shop sold {b} of its {a} {o}.~ " LEFT, "Start with {a}, sold {b}."},
    {sub, "p",
     "There were {A} [on the bus|in the library|in the park|on the train|in the museum].~ Then {b} left. How "
     "many {o} [stayed|are still there|were left]?",
     "Start with {a}, {b} left."},
    {sub, "a",
     "There were {A} [on the farm|in the park|in the yard|in the field].~ {b} of them went away. How many "
     "{o} stayed?",
     "Start with {a}, {b} went away."},
    {sub, "ftw", "{n2} has {A} and {n} has {b}.~ How many more {o} does {n2} have than {n}?",
     "{n2} {a}, {n} {b}. Difference."},
    {sub, "ftw", "{n} needs {A} but only has {b}.~ How many more {o} does {n} need?", "Needs {a}, has {b}."},
    {sub, "ftw", "{n} has {A}.~ {n2} has {b} fewer. How many {o} does {n2} have?",
     "{n} {a}, {n2} {b} fewer."},
    {sub, "w", "Of {A}, {b} wilted.~ How many {o} are still fresh?", "All {a}, wilted {b}."},
    {sub, "fS", "{n} had {A}. After lunch there were {b}.~ How many did {n} eat?",
     "Start with {a}, left {b}. Difference."},
    {sub, "ftw", "{n} got {b} more and now has {a}.~ How many did {n} have at first?",
     "Now {a}, got {b}. First is the difference."},
    // More.
    {add, "ftw", "{n} has {A} and gets {b} more.~ " SHE_NOW, "Start with {a}, got {b}."},
    {add, "ftw", "{n} had {A}.~ [{n2}|Grandma|A friend|The teacher] gave {n} {b} more. " SHE_NOW,
     "Start with {a}, got {b}."},
    {add, "ftw",
     "{n} <buys|bought> {A} and {n2} <buys|bought> {b}.~ [How many {o} do they have together?|How many {o} "
     "is that in all?|How many {o} do they have in total?]",
     "{n} {a}, {n2} {b}. Sum."},
    {add, "ftwS", "If [you have|I have] {A} and [buy|get|find] {b} more, how many [{o} |]is that[ in all|]?",
     "Start with {a}, got {b}."},
    {add, "ftwS", "{A} plus {b} more: how many[ {o}|] [in all|altogether|is that]?",
     "Start with {a}, got {b}."},
    {add, "p",
     "There were {A} [on the bus|in the room|at the party|in the museum].~ Then {b} more came. " NOW,
     "Start with {a}, {b} came."},
    {add, "a", "There were {A} [on the farm|in the park|in the yard].~ {b} more came. " NOW,
     "Start with {a}, {b} came."},
    {add, "ftwB",
     "A shop sold {A} <yesterday|in the morning|last week> and {b} <today|in the afternoon|this week>.~ How "
     "many {o} did it sell in all?",
     "First {a}, then {b}. Sum."},
    {add, "ftw", "{n} has {A}.~ {n2} has {b} more than {n}. How many {o} does {n2} have?",
     "{n} {a}, {n2} {b} more."},
    {add, "fS", "{n} ate {B} and has {a} left.~ How many {o} did {n} have at first?",
     "Left {a}, ate {b}. First is the sum."},
};

constexpr Story kGroups[] = {
    {mul, "ft", "There are {a} [boxes|bags|baskets] with {b} {o} each.~ " ALL, "{a} groups of {b}."},
    {mul, "ft", "Each [box|bag|basket] holds {b} {o}.~ How many {o} are in {a} of them?",
     "{a} groups of {b}."},
    {mul, "ftw", "{n} [collects|gets|buys] {b} {o} [a day|every day].~ How many {o} is that in {a} days?",
     "{a} days, {b} a day."},
    {mul, "ftw", "{a} children have {b} {o} each.~ How many {o} do they have [in all|altogether]?",
     "{a} groups of {b}."},
    {mul, "p", "There are {a} rows of {b} {o}.~ " ALL, "{a} rows of {b}."},
    {mul, "ftw", "{n} gives {b} {o} to each of {a} friends.~ How many {o} does {n} give away?",
     "{a} groups of {b}."},
    {mul, "f", "{n} puts {b} {o} on each of {a} plates.~ " ALL, "{a} plates of {b}."},
    {mul, "w", "There are {b} {o} in each of {a} vases.~ " ALL, "{a} vases of {b}."},
    {mul, "tB", "A factory makes {b} {o} an hour.~ How many does it make in {a} hours?",
     "{a} hours, {b} an hour."},
    {mul, "ftw", "{n} has {b} {o}. {n2} has {a} times as many.~ How many {o} does {n2} have?",
     "{a} times {b}."},
    {mul, "ft", "{a} packs of {o}, {b} in a pack: how many {o}[ in all|]?", "{a} packs of {b}."},
    {mul, "t", "{a} shelves hold {b} {o} each.~ How many {o} do they hold together?", "{a} shelves of {b}."},
};

constexpr Story kShare[] = {
    {div, "ftw", "{b} friends share {A} equally.~ How many {o} does each[ friend|] get?",
     "{a} shared by {b}."},
    {div, "ftw", "{n} divides {A} equally among {b} children.~ How many does each child get?",
     "{a} shared by {b}."},
    {div, "ftw", "If {A} are shared equally by {b} people, how many does each[ person|] get?",
     "{a} shared by {b}."},
    {div, "ft", "{n} packs {A} into bags of {b}.~ How many bags is that?", "{a} in groups of {b}.",
     "{r} bag{s}."},
    {div, "ft", "{A} go into {b} boxes equally.~ How many {o} are in each box?", "{a} into {b} boxes."},
    {div, "p", "{A} stand in {b} equal rows.~ How many {o} are in each row?", "{a} in {b} rows."},
    {div, "w", "{n} puts {A} into {b} vases, the same number in each.~ How many {o} are in one vase?",
     "{a} into {b} vases."},
    {div, "f", "{n} eats {b} {o} a day.~ How many days do {a} {o} last?", "{a} in groups of {b}.",
     "{r} day{s}."},
    {div, "p", "{A} make teams of {b}.~ How many teams are there?", "{a} in groups of {b}.", "{r} team{s}."},
    {rem, "ftw", "{n} shares {A} equally among {b} friends.~ How many {o} are left over?",
     "{a} shared by {b}, the remainder."},
    {rem, "ft", "{A} are packed into bags of {b}.~ How many {o} are left over?",
     "{a} in groups of {b}, the remainder."},
    {rem, "p", "{A} make teams of {b}.~ How many {o} are left without a team?",
     "{a} in groups of {b}, the remainder."},
};

constexpr Story kSeveral[] = {
    {add_sub, "f", "{n} has {A}, buys {b} more and eats {c}.~ " SHE_LEFT,
     "Start with {a}, bought {b}, ate {c}."},
    {add_sub, "ftw", "{n} had {A}.~ {n} got {b} from {n2} and gave {c} to a friend. " SHE_LEFT,
     "Start with {a}, got {b}, gave {c}."},
    {add_sub, "p",
     "There were {A} on the bus.~ At the next stop {b} got on and {c} got off. How many {o} are on the bus "
     "now?",
     "Start with {a}, {b} on, {c} off."},
    {sub_add, "p",
     "A train had {A} on board.~ {b} got off and {c} got on. How many {o} are on the train now?",
     "Start with {a}, {b} off, {c} on."},
    {sub_add, "f", "{n} had {A}, ate {b} and then bought {c} more.~ " SHE_NOW,
     "Start with {a}, ate {b}, bought {c}."},
    {sub_add, "ftw", "{n} gave {b} of {a} {o} to {n2} and got {c} from an aunt.~ " SHE_NOW,
     "Start with {a}, gave {b}, got {c}."},
    {sub_sub, "f",
     "{n} had {A}.~ {n} ate {b} <yesterday|in the morning|on Monday|at lunch> and {c} <today|in the "
     "evening|on Tuesday|at dinner>. " SHE_LEFT,
     "Start with {a}, ate {b}, then {c}."},
    {sub_sub, "ftw", "{n} had {A} and gave {b} to {n2} and {c} to a neighbor.~ " SHE_LEFT,
     "Start with {a}, gave {b}, then {c}."},
    {sub_sub, "ftwB", "A shop had {A}.~ It sold {b} in the morning and {c} in the afternoon. " LEFT,
     "Start with {a}, sold {b}, then {c}."},
    {add_add, "ftw",
     "{n} found {A} on Monday, {b} on Tuesday and {c} on Wednesday.~ How many {o} did {n} find in all?",
     "Sum of {a}, {b} and {c}."},
    {add_add, "ftwa", "There are {A} on the left, {b} in the middle and {c} on the right.~ " ALL,
     "Sum of {a}, {b} and {c}."},
    {mul_add, "ft",
     "{n} has {a} [boxes|bags] of {b} {o} and {c} loose {o}.~ How many {o} does {n} have[ in all|]?",
     "{a} groups of {b}, and {c}."},
    {mul_add, "ftw", "{n} collects {b} {o} a day for {a} days and then gets {c} more.~ " SHE_NOW,
     "{a} days, {b} a day, and {c} more."},
    {mul_sub, "f", "There are {a} boxes with {b} {o} each.~ {n} eats {C}. " LEFT,
     "{a} boxes of {b}, ate {c}."},
    {mul_sub, "ftw", "A shop had {a} crates of {b} {o} and sold {C}.~ " LEFT, "{a} crates of {b}, sold {c}."},
    {mul_div, "ft", "{c} friends share {a} boxes of {b} {o} equally.~ How many {o} does each friend get?",
     "{a} boxes of {b}, shared by {c}."},
    {sub_div, "ftw",
     "{n} had {A}, gave away {b} and shared the rest equally among {c} friends.~ How many {o} did each "
     "friend get?",
     "Start with {a}, gave {b}, shared by {c}."},
    {add_div, "ftw",
     "{n} has {A} and {n2} has {b}.~ They put them together and share them among {c} children. How many {o} "
     "does each child get?",
     "{a} and {b} together, shared by {c}."},
    {sub_mul, "p", "Of {A}, {b} went home.~ Each of the others gets {c} cookies. How many cookies is that?",
     "Start with {a}, {b} left, {c} each.", "{r} cookies."},
    {add_mul, "p",
     "There are {A} in one room and {b} in another.~ Each gets {c} pencils. How many pencils are needed?",
     "{a} and {b} together, {c} each.", "{r} pencils."},
    {pay, "ftw", "{n} had {A} and gave {b} to each of {c} friends.~ " SHE_LEFT,
     "Start with {a}, {b} to each of {c}."},
    {pay, "f", "{n} had {A} and ate {b} a day for {c} days.~ " SHE_LEFT,
     "Start with {a}, {b} a day, {c} days."},
    {mul_mul_add, "ft", "There are {a} boxes with {b} {o} each and {c} boxes with {d} {o} each. " ALL,
     "{a} boxes of {b}, {c} boxes of {d}."},
};

#define COST                                                                                                 \
  "[How much is that?|How much does that cost?|What is the total?|How much do they cost?|How much must {n} " \
  "pay?]"
#define CHANGE \
  "[How much change does {n} get?|How much change is there?|What is the change?|How much money is left?]"

constexpr Story kMoney[] = {
    {add, "ft", "{n} buys a pack of {o} for ${a} and a pack of {p} for ${b}.~ " COST,
     "Sum of ${a} and ${b}."},
    {add, "", "{n} has ${a} and gets ${b} more.~ How much money does {n} have now?",
     "Start with ${a}, got ${b}."},
    {add, "", "A ticket costs ${a} and lunch costs ${b}.~ How much is that together?",
     "Sum of ${a} and ${b}."},
    {sub, "", "{n} pays with ${a} for a [hat|scarf|toy|bag|game] that costs ${b}.~ " CHANGE,
     "Paid ${a}, price ${b}."},
    {sub, "", "{n} had ${a} and spent ${b}.~ How much money [is left|does {n} have left|does {n} have now]?",
     "Start with ${a}, spent ${b}."},
    {sub, "", "What is the change from ${a} for something that costs ${b}?", "Paid ${a}, price ${b}."},
    {sub, "", "A [lamp|clock|book|ball] cost ${a}.~ Now it is ${b} cheaper. What does it cost now?",
     "Price ${a}, ${b} less."},
    {sub, "",
     "{n} wants a [bike|camera|guitar|tent] for ${a} and has saved ${b}.~ How much more money does {n} need?",
     "Needs ${a}, has ${b}."},
    {mul, "ft", "One {o1} costs ${a}.~ How much do {b} {o} cost?", "${a} each, {b} of them."},
    {mul, "ft", "{n} buys {b} {o} at ${a} each.~ " COST, "${a} each, {b} of them."},
    {mul, "ft", "How much are {b} {o} at ${a} each?", "${a} each, {b} of them."},
    {mul, "", "{n} saves ${a} a week.~ How much is that in {b} weeks?", "${a} a week, {b} weeks."},
    {div, "ft", "{b} {o} cost ${a}.~ How much is one {o1}?", "${a} for {b}."},
    {div, "", "{b} friends share ${a} equally.~ How much does each get?", "${a} shared by {b}."},
    {add_add, "", "A book costs ${a}, a pen ${b} and a bag ${c}.~ How much do they cost together?",
     "Sum of ${a}, ${b} and ${c}."},
    {sub_sub, "",
     "{n} had ${a} and bought a [cap|book] for ${b} and a [ball|cake] for ${c}.~ How much money is left?",
     "Start with ${a}, spent ${b}, then ${c}."},
    {sub_add, "", "{n} had ${a}, spent ${b} and earned ${c}.~ How much money does {n} have now?",
     "Start with ${a}, spent ${b}, earned ${c}."},
    {add_sub, "", "{n} had ${a}, got ${b} from an uncle and spent ${c}.~ How much money is left?",
     "Start with ${a}, got ${b}, spent ${c}."},
    {mul_add, "ft", "{n} buys {b} {o} at ${a} each and a bag for ${c}.~ " COST,
     "${a} each, {b} of them, and ${c}."},
    {mul_sub, "ft", "{n} buys {b} {o} at ${a} each and has a coupon for ${c} off.~ How much must {n} pay?",
     "${a} each, {b} of them, ${c} off."},
    {pay, "ft", "{n} buys {c} {o} at ${b} each and pays with ${a}.~ " CHANGE,
     "Paid ${a}, ${b} each, {c} of them."},
    {pay, "ft", "{n} has ${a} and buys {c} {o} for ${b} each.~ " CHANGE,
     "Paid ${a}, ${b} each, {c} of them."},
    {mul_mul_add, "ft", "{n} buys {b} {o} at ${a} each and {d} {p} at ${c} each. " COST,
     "{b} at ${a}, {d} at ${c}."},
    {pay_two, "ft", "{n} buys {b} {o} at ${a} each and {d} {p} at ${c} each, and pays with ${e}. " CHANGE,
     "{b} at ${a}, {d} at ${c}, paid ${e}."},
};

constexpr Story kAges[] = {
    {add, "", "{n} is {a} years old.~ {n2} is {b} years older. How old is {n2}?", "{n} {a}, {n2} {b} older."},
    {add, "", "{n} is {a}[ years old|] now.~ How old will {n} be in {b} years?", "Now {a}, in {b} years."},
    {add, "",
     "{n}'s <sister|brother|cousin> is {b} years older than {n}, who is {a}.~ How old is the "
     "<sister|brother|cousin>?",
     "{n} {a}, {b} older."},
    {add, "", "{n} is {a} and {n2} is {b}.~ What is the sum of their ages?", "Sum of {a} and {b}.", "{r}."},
    {sub, "", "{n} is {a} years old.~ {n2} is {b} years younger. How old is {n2}?",
     "{n} {a}, {n2} {b} younger."},
    {sub, "", "{n} is {a}[ years old|] now.~ How old was {n} {b} years ago?", "Now {a}, {b} years ago."},
    {sub, "", "{n} is {a} and {n2} is {b}.~ What is the difference between their ages?",
     "Difference of {a} and {b}.", "{r} year{s}."},
    {sub, "", "{n2} is {b} years old and {n} is {a}.~ How many years older is {n}?",
     "{n} {a}, {n2} {b}. Difference.", "{r} year{s}."},
    {mul, "", "{n} is {a} years old.~ {n2} is {b} times as old. How old is {n2}?", "{b} times {a}."},
    {mul_add, "", "{n} is {a}. {n2} is {c} years older than {b} times {n}'s age.~ How old is {n2}?",
     "{b} times {a}, {c} more."},
    {mul_sub, "", "{n} is {a}. {n2} is {c} years younger than {b} times {n}'s age.~ How old is {n2}?",
     "{b} times {a}, {c} less."},
    {add_add, "", "{n} is {a} and {n2} is {b} years older.~ How old will {n2} be in {c} years?",
     "{n} {a}, {b} older, in {c} years."},
    {sub_add, "", "{n} is {a} and {n2} is {b} years younger.~ How old will {n2} be in {c} years?",
     "{n} {a}, {b} younger, in {c} years."},
    {add_sub, "", "{n} is {a} and {n2} is {b} years older.~ How old was {n2} {c} years ago?",
     "{n} {a}, {b} older, {c} years ago."},
    {div, "", "{n2} is {a} years old, {b} times as old as {n}.~ How old is {n}?", "{a} divided by {b}."},
};

constexpr Story kSpeed[] = {
    {mul, "", "A [car|bus|truck|train] drives {a} km an hour for {b} hours.~ How far does it go?",
     "{a} km an hour, {b} hours."},
    {mul, "S", "{n} [walks|rides|runs] at {a} km/h for {b} hours.~ How many kilometers is that?",
     "{a} km an hour, {b} hours."},
    {mul, "", "How far [is|do you get in] {b} hours at {a} km/h?", "{a} km an hour, {b} hours."},
    {mul, "",
     "A [robot|snail|turtle|toy train] moves {a} cm a minute.~ How many centimeters does it move in {b} "
     "minutes?",
     "{a} cm a minute, {b} minutes.", "{r} cm."},
    {div, "", "How many hours does it take to go {a} km at {b} km/h?", "{a} km at {b} km an hour.",
     "{r} hour{s}."},
    {div, "", "A [car|bus|train|boat] goes {a} km in {b} hours.~ How far does it go in one hour?",
     "{a} km in {b} hours."},
    {div, "", "{n} lives {a} km from [the sea|the city|the airport].~ How many hours is the way at {b} km/h?",
     "{a} km at {b} km an hour.", "{r} hour{s}."},
    {mul_mul_add, "",
     "A [car|bus|train] goes {b} hours at {a} km/h and then {d} hours at {c} km/h. How far does it go in "
     "all?",
     "{a} km/h for {b} hours, {c} km/h for {d} hours."},
    {mul_add, "", "{n} drives {b} hours at {a} km/h and then {c} km more.~ How far is that in all?",
     "{a} km/h for {b} hours, {c} km more."},
    {pay, "",
     "The [city|airport|lake] is {a} km away.~ {n} drives {c} hours at {b} km/h. How many kilometers are "
     "left?",
     "All {a} km, {b} km/h for {c} hours."},
    {add_mul, "",
     "Two cars start at the same place and drive in opposite directions at {a} km/h and {b} km/h. How far "
     "apart are they after {c} hours?",
     "{a} and {b} together, {c} hours."},
    {sub_mul, "",
     "Two cars start together in the same direction, one at {a} km/h, the other at {b} km/h. How far apart "
     "are they after {c} hours?",
     "{a} less {b}, {c} hours."},
    {half, "", "How far does a [car|bus|train] go in {b} minutes at {a} km/h?",
     "{a} km/h, {b} minutes, 60 minutes an hour."},
    {mul_div, "",
     "{n} drives to the coast in {b} hours at {a} km/h and comes back in {c} hours.~ What is the speed on "
     "the way back?",
     "{a} km/h for {b} hours, back in {c} hours.", "{r} km/h."},
};

constexpr Story kRectangle[] = {
    {mul, "", "A rectangle is {a} cm long and {b} cm wide.~ What is its area?", "Area is {a} times {b}.",
     "{r} square cm."},
    {mul, "", "What is the area of a [field|garden|room|yard] of {a} m by {b} m?", "Area is {a} times {b}.",
     "{r} square m."},
    {twice_sum, "", "A rectangle is {a} cm long and {b} cm wide.~ What is its perimeter?",
     "Perimeter is ({a}+{b})*2."},
    {twice_sum, "",
     "{n} puts a fence around a [garden|field|yard] of {a} m by {b} m.~ How many meters of fence are needed?",
     "Perimeter is ({a}+{b})*2.", "{r} m."},
    {square, "", "What is the area of a square with sides of {a} cm?", "Area is {a} times {a}.",
     "{r} square cm."},
    {four_times, "", "What is the perimeter of a square with sides of {a} cm?", "Perimeter is {a} times 4."},
    {div, "", "A rectangle has an area of {a} square cm and is {b} cm wide.~ How long is it?",
     "Length is {a} divided by {b}."},
    {mul_sub, "",
     "A house of {c} square m stands on a lot of {a} m by {b} m.~ How many square meters are free?",
     "Lot {a} times {b}, house {c}.", "{r} square m."},
    {mul_mul_add, "", "One room is {a} m by {b} m, another {c} m by {d} m. What is their total area?",
     "{a} times {b}, {c} times {d}, sum.", "{r} square m."},
    {add_add, "", "The sides of a triangle are {a} cm, {b} cm and {c} cm.~ What is its perimeter?",
     "Sum of {a}, {b} and {c}."},
    {sub, "", "{n} cuts {b} m off a [rope|ribbon|cable] of {a} m.~ How many meters are left?",
     "Start with {a} m, cut {b} m.", "{r} m."},
};

constexpr Story kAverage[] = {
    {mean3, "", "[What is|Find|What's] the [average|mean] of {a}, {b} and {c}[?|.]",
     "Add the three, divide by 3."},
    {mean3, "", "{n} scored {a}, {b} and {c} points.~ What is the average[ score|]?",
     "Add the three, divide by 3.", "{r} point{s}."},
    {mean3, "", "{n} read {a}, {b} and {c} pages on three days.~ How many pages a day is that on average?",
     "Add the three, divide by 3.", "{r} page{s}."},
    {mean3, "",
     "A museum had {a}, {b} and {c} visitors on three days.~ How many visitors a day is that on average?",
     "Add the three, divide by 3.", "{r} visitor{s}."},
    {mean3, "ftw",
     "{n} collected {a}, {b} and {c} {o} in three weeks.~ How many {o} a week is that on average?",
     "Add the three, divide by 3.", "{R}."},
    {mean3, "", "Three boxes weigh {a} kg, {b} kg and {c} kg.~ What is their average weight?",
     "Add the three, divide by 3.", "{r} kg."},
};

}  // namespace

const Stories& stories_en() {
  static const Stories all{
      .give_take = {Measure::count, "{R}.", kGiveTake},
      .groups = {Measure::count, "{R}.", kGroups},
      .share = {Measure::count, "{R}.", kShare},
      .several = {Measure::count, "{R}.", kSeveral},
      .money = {Measure::money, "${r}.", kMoney},
      .ages = {Measure::age, "{r} year{s} old.", kAges},
      .speed = {Measure::speed, "{r} km.", kSpeed},
      .rectangle = {Measure::length, "{r} cm.", kRectangle},
      .average = {Measure::score, "{r}.", kAverage},
  };
  return all;
}

}  // namespace jaju::data
