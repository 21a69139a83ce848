//! Characters that nobody sees: the one list of them. Text that is judged or shown is read without them.

/// Marks that turn the direction of text around. Text in any script does without them; with them it could
/// turn around what stands beside it.
pub const fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The two joiners, which words and emoji are made with.
const fn joins(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

/// What shows nothing and joins nothing but changes how the rest shows: marks that turn, characters of no
/// width, tags.
pub const fn hides(letter: char) -> bool {
    turns(letter)
        || matches!(letter,
            '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Whatever has no shape of its own: text of nothing else is blank.
pub const fn is_unseen(letter: char) -> bool {
    hides(letter) || joins(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_seen_and_marks_are_not() {
        for letter in ['a', 'ß', 'م', 'अ', '猫', ' ', '\u{301}', '🦀'] {
            assert!(!is_unseen(letter), "{letter:?}");
        }
        for letter in ['\u{ad}', '\u{61c}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}'] {
            assert!(is_unseen(letter), "{letter:?}");
        }
        assert!(hides('\u{202e}') && !hides('\u{200d}'), "an emoji of several people stays one");
        assert!(turns('\u{2069}') && !turns('\u{200b}'));
    }
}
