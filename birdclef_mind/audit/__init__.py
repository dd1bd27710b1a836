"""What a network may have learned wrongly: training data that looks wrong, ranked, each with the reason in words.

audit         the whole of it: one ranked list
measured      what is known of every segment, whatever its label
ears          a listener's ears on the segments
suspicion     one thing that may be wrong: which segments, how likely, why, and what would mend it
opinions      what networks and listeners that never heard a recording call it
contradicted  labels that these contradict
copied        one sound under two labels
foreign       hum and voice, heard in the sound itself
known_by      by what a network knows segments that share something foreign
strategies    evidence of a species that falls apart: into one recordist, or one hum
confused      species that share one decision
"""
