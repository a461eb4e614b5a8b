// What people say when they ask for arithmetic and algebra, and how they are answered. Slots:
//   {e} an expression, {a} {b} its numbers, {v} the value, {q} quotient, {r} remainder, {x} the unknown,
//   {l} a list ("3, 7, 11"), {f} a fraction.
#pragma once

#include "data/synth/phrases.h"

namespace jaju::data {

// arithmetic_phrases.cc
extern const Patterns kExpressionQuestions;  // {e}
extern const Patterns kAddQuestions;         // {a} {b}
extern const Patterns kSubQuestions;         // {a} {b}: fine for any sign of the result
extern const Patterns kDifferenceQuestions;  // {a} {b}: a >= b
extern const Patterns kMulQuestions;         // {a} {b}
extern const Patterns kDivQuestions;         // {a} {b}: without a remainder
extern const Patterns kDivBothQuestions;     // {a} {b} {e}: quotient and remainder
extern const Patterns kRemainderQuestions;   // {a} {b} {e}
extern const Patterns kQuotientQuestions;    // {a} {b} {e}: whole part only

extern const Patterns kValueAnswers;    // {v}: sentences for what a sum makes
extern const Patterns kChoiceAnswers;   // {v}: sentences for a number found or chosen
extern const Patterns kDivBothAnswers;  // {q} {r}: one per language

extern const Patterns kAddOpeners;      // {a} {b}: the first clause of a trace, as are the next ones
extern const Patterns kSubOpeners;      // {a} {b}
extern const Patterns kMulOpeners;      // {a} {b}
extern const Patterns kDivOpeners;      // {a} {b}
extern const Patterns kTimesFirst;      // no slot: products before sums
extern const Patterns kBracketsFirst;   // no slot
extern const Patterns kLeftToRight;     // no slot
extern const Patterns kDecimalOpeners;  // no slot
extern const Patterns kQuotientIs;      // {q}: closing clause
extern const Patterns kRemainderIs;     // {r}

// algebra_phrases.cc
extern const Patterns kFractionQuestions;   // {e}: beside kExpressionQuestions
extern const Patterns kSimplifyQuestions;   // {f}
extern const Patterns kLargestQuestions;    // {l}
extern const Patterns kSmallestQuestions;   // {l}
extern const Patterns kLargerOfTwo;         // {a} {b}
extern const Patterns kSmallerOfTwo;        // {a} {b}
extern const Patterns kIsLargerQuestions;   // {a} {b}: yes or no
extern const Patterns kIsSmallerQuestions;  // {a} {b}: yes or no
extern const Patterns kYes, kNo;            // one per language
extern const Patterns kNextTermQuestions;   // {l}
extern const Patterns kMissingQuestions;    // {l} with a gap
extern const Patterns kEquationQuestions;   // {e} {x}
extern const Patterns kBoxQuestions;        // {e}: the unknown is a box

extern const Patterns kSameDenominator;    // no slot
extern const Patterns kCommonDenominator;  // no slot
extern const Patterns kMultiplyFractions;  // no slot
extern const Patterns kDivideFractions;    // no slot
extern const Patterns kSimplify;           // no slot
extern const Patterns kCompare;            // no slot
extern const Patterns kDifferences;        // no slot
extern const Patterns kSolve;              // {x}

// The answer that holds `value`: bare, after an expression ("47 + 86 = 133", unless it is empty), or in a
// sentence.
std::string value_answer(Dice& dice, Language language, std::string_view value, std::string_view expression);

// The opening clause, if there is one, above the steps.
std::string trace_of(std::string_view opener, std::string_view steps);

}  // namespace jaju::data
