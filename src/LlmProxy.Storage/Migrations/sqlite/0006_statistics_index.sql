-- Statistics read nothing but this: in the order of their groups, with all that they sum up.
CREATE INDEX task_trajectory_by_model ON task_trajectory (tenant, provider, model, started_at / 86400000000, started_at, status, success,
    quality_score, has_content, iteration_count, tool_calls_count, failed_tool_results, user_interventions, input_tokens, output_tokens, cost_usd,
    stated_click_accuracy, clicks_hit, clicks_total);
