#include "data/synth/text.h"

namespace jaju::data {
namespace {

constexpr std::string_view kSkeletons[] = {
    // Numbers and things.
    "{A} counted from one to {w:a}. The number {w:a} is written {a=3-60}. After {w:a} comes {w:a+1}, and "
    "before it comes "
    "{w:a-1}.",
    "The number {a=21-99} is read {w:a}. It has two digits. One more is {=a+1}, and ten less is {=a-10}.",
    "{A} had {T:a} and found {b=2-9} more. {a=3-19} plus {b} is {=a+b}, so now {A} has {T:a+b}.",
    "There were {F:a} in a box. {A} took out {b=2-9} of them. {a=11-20} minus {b} is {=a-b}, so {=a-b} are "
    "left in the box.",
    "The chairs stand in {b=2-9} rows with {a=3-9} chairs in each row. {b} times {a} is {=b*a}, so there are "
    "{=b*a} chairs.",
    "{A} shares {F:a*b} equally among {b=2-6} friends. {=a*b} divided by {b} is {a=2-9}, so each friend gets "
    "{F:a}.",
    "To add means to put together, and to subtract means to take away. {a=2-9} plus {b=2-9} is {=a+b}, and "
    "{=a+b} minus {b} "
    "is {a} again.",
    "To multiply is to add the same number several times. {a=2-9} three times is {a}+{a}+{a}={=a*3}, the "
    "same as "
    "{a}*3={=a*3}.",
    "To divide is to split into equal parts. {=a*4} divided by 4 is {a=2-9}, because 4 times {a} is {=a*4}.",
    "To compare two numbers, first look at how many digits they have. If that is the same, compare the "
    "digits from the "
    "left. {=a+b} is greater than {a=20-60} by {b=1-30}.",
    "An even number can be divided by 2 with nothing left. An odd number leaves 1. {=a*2} is even and "
    "{=a*2+1} is odd. "
    "{a=2-20} twos make {=a*2}.",
    "The fraction 1/{a=2-9} is one of {a} equal parts of a whole. All {a} parts together make 1.",
    "Counting by {a=2-9}: {a}, {=a*2}, {=a*3}, {=a*4}, {=a*5}. The next number is {=a*6}. Each number is {a} "
    "more than the "
    "one before.",
    "Multiplication comes before addition. In {a=1-9}+{b=2-9}*{c=2-5} we first find {b}*{c}={=b*c} and then "
    "{a}+{=b*c}.",
    "What is in parentheses comes first. In ({a=1-9}+{b=1-9})*2 we find {a}+{b}={=a+b} and then "
    "{=a+b}*2={=a+b*2}.",
    "When the ones add up to ten or more, we carry. 8+{a=2-9}={=a+8}, so we write the last digit and carry 1 "
    "to the tens.",
    "A dozen is 12. Half a dozen is 6. A pair is 2, so {a=2-9} pairs are {=a*2}.",
    // Time and calendar.
    "On {weekday} {A} went to {place} in the {time}. There {A} met {B}, and they talked for {a=2-4} hours. "
    "Both were "
    "{feeling}.",
    "An hour has 60 minutes and a minute has 60 seconds. {a=2-9} hours are {=a*60} minutes. A day has 24 "
    "hours.",
    "A week has seven days: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday. {a=2-4} weeks "
    "are {=a*7} "
    "days.",
    "A year has twelve months. January has 31 days, April has 30, and February usually has 28. A leap year "
    "has 366 days.",
    "It is {a=1-8} o'clock now. In {b=2-3} hours it will be {=a+b} o'clock. The short hand shows the hour "
    "and the long hand "
    "shows the minutes.",
    "In {season} many people go to {place}. Today it is {weather}. {A} goes for a walk with a friend.",
    "{A} exercises {a=10-50} minutes every {time}. In {b=2-5} days that makes {=a*b} minutes.",
    "Yesterday was Monday, today is Tuesday, and tomorrow will be Wednesday. {a=2-3} weeks from today it "
    "will be Tuesday "
    "again.",
    "{A} got up at {a=6-9}:{b=10-50} and had breakfast. One hour later, at {=a+1}:{b}, {A} left for {place}.",
    // Money and shopping.
    "{A} bought lemons at the market. One lemon costs {a=2-4} dollars and {A} took {b=2-9}. Together they "
    "cost {=a*b} "
    "dollars.",
    "A dollar is 100 cents. {a=2-9} dollars are {a}00 cents. A quarter is 25 cents and a dime is 10 cents.",
    "If something costs {a=2-8} dollars and you pay with 10 dollars, you get change. 10 minus {a} is "
    "{=10-a}, so the change "
    "is {=10-a} dollars.",
    "{A} saves {a=2-9} dollars every week. After {b=2-9} weeks {A} has saved {=a*b} dollars.",
    "Ten percent of {a=2-9}0 is {a}. Half of {a}0 is fifty percent of it. One hundred percent is all of it.",
    // Units.
    "One meter is 100 centimeters. {a=2-9} meters are {a}00 centimeters. One kilometer is 1000 meters, so "
    "{a} kilometers "
    "are {a}000 meters.",
    "One kilogram is 1000 grams. A bag of {a=2-9} kilograms weighs {a}000 grams.",
    "One liter is 1000 milliliters. {a=2-6} liters of {drink} are {a}000 milliliters.",
    "A train goes {a=4-9}0 kilometers in one hour. In {b=2-4} hours at the same speed it goes {=a*b}0 "
    "kilometers.",
    "The area of a rectangle is its length times its width. With length {a=2-9} and width {b=2-9} the area "
    "is {=a*b}. The "
    "perimeter is the sum of all four sides.",
    // Small stories.
    "Once upon a time a {animal} and a {animal2} lived in a small village. They found some {Fs} on the road. "
    "At first "
    "both wanted them all, but then they shared them equally. After that they were good friends.",
    "{A} wants to be a {job} one day. So {A} studies {subject} every day. The whole family helps.",
    "{A} and {B} are in the same class. {A} likes {hobby} and {B} likes {hobby2}. Every {weekday} they meet "
    "and have fun.",
    "It began to rain in the {time}. {A} had no umbrella. Then {B} came and shared one. They walked home "
    "side by side.",
    "A small {animal} was lost. {A} carried it to {place}. The owner was very {feeling} and gave {A} {F:a}. "
    "{A} counted "
    "them: there were {a=2-9}, that is, {w:a}.",
    "{A} wrote a letter about a trip to {place}. The letter told of a {color} {animal} and of {hobby}. The "
    "answer came "
    "{a=2-6} days later.",
    "In the race {A} came first, {B} came second and {C} came third. {A} is faster than {B}, and {B} is "
    "faster than {C}. So "
    "{A} is the fastest of the three.",
    "{A} is {a=2-9} years older than {B}. {B} is {b=6-12} years old, so {A} is {=a+b}. Next year {A} will be "
    "{=a+b+1}.",
    "There are {a=2-5} ducks on the pond. {b=2-4} more come, and now there are {=a+b} ducks. {A} feeds them "
    "every {time}.",
    "{A} lost a {color} hat at {place}. A {job} found it and kept it safe. On {weekday} {A} got the hat back "
    "and was "
    "{feeling}.",
    "{A} and {B} built a tower. {A} used {a=3-15} blocks and {B} used {b=3-15} blocks. The tower had {=a+b} "
    "blocks, and it "
    "did not fall.",
    // How to.
    "How to make tea. First boil some water. Then put the tea in a cup and pour the water over it. Wait "
    "{a=3-5} minutes. "
    "Now the tea is ready.",
    "How to cross a road. First, stop. Second, look left and right. Third, when the light is green, walk "
    "across.",
    "How to solve a problem. First read it to the end. Next write down the numbers you know. Then write the "
    "equation. "
    "Last, work it out and check the answer.",
    "How to plant a flower. Make a hole about {a=2-5} centimeters deep. Put in the seed and cover it with "
    "earth. Give it "
    "water every {time}.",
    "How to borrow a book. Go to the library and choose a book. Show your card. You may keep the book for "
    "{a=7-14} days.",
    "How to check a subtraction. Add the answer to the number you took away. {=a+b}-{b=3-9}={a=11-40} is "
    "right, because "
    "{a}+{b}={=a+b}.",
    "How to find the largest number. Take the first number. Look at each other number; when it is larger, "
    "take that one. "
    "Of {a=1-9}, {=a+5} and {=a+2} the largest is {=a+5}.",
    "How to count the days. From day {a=3-12} to day {=a+b} of a month there are {b=2-9} days. Subtract {a} "
    "from "
    "{=a+b}.",
    // Dialogues.
    "A: Hello. Do you have apples?\nB: Yes. How many would you like?\nA: I would like {w:a}, please.\nB: "
    "Here are your "
    "{a=2-9} apples. "
    "Thank you!",
    "A: What time is it?\nB: It is {a=1-12}:{b=10-50}.\nA: Already? I have to hurry.\nB: Don't worry, there "
    "is still time.",
    "A: What did you do on the weekend?\nB: I went to {place} with {A}.\nA: How was it?\nB: It was great. I "
    "felt "
    "{feeling}.",
    "A: What is {a=2-9} plus {b=2-9}?\nB: It is {=a+b}.\nA: And {a} times {b}?\nB: That is {=a*b}.",
    "A: Which subject do you like?\nB: I like {subject}. And you?\nA: I like {subject2} more.\nB: That is a "
    "good one, too.",
    "A: How much is this?\nB: One costs {a=2-9} dollars.\nA: Then I will take {b=2-5}.\nB: That is {=a*b} "
    "dollars, please.",
    "A: What day is tomorrow?\nB: Today is Friday, so tomorrow is Saturday.\nA: And the day after "
    "tomorrow?\nB: Sunday.",
    "Teacher: What is {=a*b} divided by {b=2-9}?\n{A}: It is {a=2-9}.\nTeacher: How do you know?\n{A}: "
    "Because {b} times {a} "
    "is {=a*b}.",
    // Words explained.
    "The sum is what you get when you add. The difference is what you get when you subtract. The sum of "
    "{a=10-30} and "
    "{b=1-9} is {=a+b}, and the difference is {=a-b}.",
    "The product is what you get when you multiply. The product of {a=2-9} and {b=2-9} is {=a*b}.",
    "The quotient is the result of a division and the remainder is what is left. {=a*5+b} divided by 5 is "
    "{a=2-9} with "
    "remainder {b=1-4}.",
    "Half of a thing is one of two equal parts. Half of {=a*2} is {a=2-20}. Twice {a} is {=a*2}.",
    "The average is the sum divided by the count. The sum of {=a-1}, {a=3-20} and {=a+1} is {=a*3}, and "
    "there are 3 "
    "numbers, so the average is {a}.",
    "\"More than\" and \"less than\" compare two things. If there are {a=2-9} more {Ts} than {Us}, then "
    "there are {a} fewer "
    "{Us} than {Ts}.",
    // Code in words.
    "A variable is a name for a value. In Python, x = {a=2-20} gives the name x to {a}. After that, print(x) "
    "shows {a}.",
    "range({a=3-6}) gives the numbers from 0 to {=a-1}. A for loop runs its lines once for each of them, {a} "
    "times in all.",
    "A list holds values in order. In [{a=1-9}, {b=1-9}, {c=1-9}] item 0 is {a}, item 1 is {b} and item 2 is "
    "{c}. We "
    "count from 0.",
    "An if runs its lines only when the condition is true. {a=10-20} > {b=1-9} is true, so the lines run. "
    "{b} > {a} is "
    "false, so they do not.",
    "The sign // gives the quotient and % gives the remainder. {=a*4+b} // 4 is {a=2-9} and {=a*4+b} % 4 is "
    "{b=1-3}.",
    "A function is a piece of work with a name. If f adds {a=2-9} to its number and returns it, then "
    "f({b=1-9}) is "
    "{=a+b}.",
    "len counts. For a list it is the number of items, and for a string it is the number of characters. "
    "len([{a=1-9}, "
    "{b=1-9}]) is 2.",
};

}  // namespace

std::span<const std::string_view> text_skeletons_en() {
  return kSkeletons;
}

}  // namespace jaju::data
